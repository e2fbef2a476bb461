// Reads lines of spec_mutate and asks ajv the same: node schema_agree.js NODE_MODULES SCHEMA <LINES
// What the JSON Schema refuses, reconclaw must refuse: an editor never shows an error that is none. What reconclaw refuses, the
// schema must refuse too, but for the few rules that a schema cannot say, listed here.
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const [modules, schemaFile] = process.argv.slice(2);
const Ajv = require(path.join(modules, 'ajv'));

const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true });
const schema = JSON.parse(fs.readFileSync(schemaFile, 'utf8'));
const validate = ajv.compile(schema);

const BAD_VALUE = 2;
const BEYOND = [
    /^spec\.workspaces\[\d+\]\.target$/, // given for all but the first, each once
    /^spec\.command$/, // the first word is not empty
    /^spec\.ssh\.target$/, // what a host may be called
    /^spec\.openshell\.timeout$/, // the range of a duration
    /^spec\.limits\.memory$/, // at least so many bytes, however they are written
    /^spec(\.policy)?\.(hotWindow|resync)$/, // the range of a duration
];

let n = 0, refused = 0, failed = 0;
const fail = (why, line) => {
    if (failed++ < 10)
        console.log(`${why}: ${JSON.stringify(line.doc)} reconclaw: ${JSON.stringify(line.keys)} ajv: ` +
            JSON.stringify((validate.errors || []).map((e) => `${e.instancePath} ${e.message}`)));
};
readline.createInterface({ input: process.stdin }).on('line', (text) => {
    const line = JSON.parse(text);
    const good = validate(line.doc);
    n++;
    refused += line.bad !== 0;
    if (!good && line.bad === 0)
        fail('only the schema refuses', line);
    else if (good && line.bad !== 0 && !(line.bad === BAD_VALUE && line.keys.every((k) => BEYOND.some((r) => r.test(k)))))
        fail('only reconclaw refuses', line);
}).on('close', () => {
    console.log(`${n} documents, ${refused} refused, ${failed} seen differently`);
    process.exit(failed || n === 0 || refused === 0 || refused === n ? 1 : 0);
});
