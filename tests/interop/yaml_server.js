// Drives the real YAML language server over stdio, as an editor does.
//
//     node yaml_server.js SERVER check FILE...      prints "FILE: N" and the N diagnostics of each
//     node yaml_server.js SERVER hover FILE WORD    prints what the server says of the first WORD in FILE
//
// The schema is found by the first line of each file alone. Everything has 30 s.
'use strict';
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const [server, what, ...args] = process.argv.slice(2);

const child = spawn(process.execPath, [server, '--stdio'], { stdio: ['pipe', 'pipe', 'inherit'] });
const stop = (code) => {
    child.kill();
    process.exitCode = code;
};
const timer = setTimeout(() => {
    console.error('yaml_server: no answer in 30 s');
    stop(1);
}, 30000);

let nextId = 1;
const waiting = new Map(); // request id -> resolve
const published = new Map(); // uri -> resolve
const send = (message) => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
};
const request = (method, params) => new Promise((resolve) => {
    waiting.set(nextId, resolve);
    send({ id: nextId++, method, params });
});

const settings = {
    yaml: { validate: true, hover: true, completion: true, schemaStore: { enable: false }, schemas: {} },
    http: {},
    '[yaml]': {},
};
const receive = (m) => {
    if (m.method === 'workspace/configuration')
        send({ id: m.id, result: m.params.items.map((i) => settings[i.section] ?? {}) });
    else if (m.method && m.id !== undefined)
        send({ id: m.id, result: null });
    else if (m.method === 'textDocument/publishDiagnostics')
        published.get(m.params.uri)?.(m.params.diagnostics);
    else if (m.id !== undefined && waiting.has(m.id))
        waiting.get(m.id)(m.result);
};
let input = Buffer.alloc(0);
child.stdout.on('data', (chunk) => {
    input = Buffer.concat([input, chunk]);
    for (;;) {
        const end = input.indexOf('\r\n\r\n');
        const length = end < 0 ? null : /Content-Length: (\d+)/i.exec(input.subarray(0, end).toString());
        if (!length || input.length < end + 4 + Number(length[1]))
            return;
        const body = input.subarray(end + 4, end + 4 + Number(length[1]));
        input = input.subarray(end + 4 + Number(length[1]));
        receive(JSON.parse(body.toString()));
    }
});
child.on('error', (e) => {
    console.error(`yaml_server: ${e.message}`);
    process.exitCode = 1;
});

const open = (file) => new Promise((resolve) => {
    const uri = pathToFileURL(path.resolve(file)).href;
    published.set(uri, resolve);
    send({
        method: 'textDocument/didOpen',
        params: { textDocument: { uri, languageId: 'yaml', version: 1, text: fs.readFileSync(file, 'utf8') } },
    });
});

(async () => {
    await request('initialize', {
        processId: process.pid,
        rootUri: null,
        workspaceFolders: null,
        capabilities: { workspace: { configuration: true }, textDocument: { publishDiagnostics: {}, hover: { contentFormat: ['markdown'] } } },
    });
    send({ method: 'initialized', params: {} });
    send({ method: 'workspace/didChangeConfiguration', params: { settings } });
    if (what === 'check') {
        for (const file of args) {
            const found = await open(file);
            console.log(`${file}: ${found.length}`);
            for (const d of found)
                console.log(`  ${d.range.start.line + 1}:${d.range.start.character + 1}: ${d.message.replace(/\s+/g, ' ')}`);
        }
    } else {
        const [file, word] = args;
        await open(file);
        const before = fs.readFileSync(file, 'utf8').split(new RegExp(`\\b${word}\\b`))[0];
        const lines = before.split('\n');
        const hover = await request('textDocument/hover', {
            textDocument: { uri: pathToFileURL(path.resolve(file)).href },
            position: { line: lines.length - 1, character: lines[lines.length - 1].length + 1 },
        });
        console.log(typeof hover?.contents === 'string' ? hover.contents : hover?.contents?.value ?? 'nothing');
    }
    clearTimeout(timer);
    stop(0);
})();
