// readers.js json5|json|dotenv DUMP SEED COUNT: compares our readers with npm's json5, with JSON.parse and with npm's dotenv on
// the corpus and COUNT random texts. The packages are found through NODE_PATH. DUMP is the program tests/tools/read_dump.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');

const [reader, dump, seedText, countText] = process.argv.slice(2);
const peer = { json5: () => require('json5'), json: () => JSON, dotenv: () => require('dotenv') }[reader]();
console.warn = () => {}; // json5 warns of U+2028 in texts

let state = Number(seedText) >>> 0;
function random(n) { // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
}
const pick = (list) => list[random(list.length)];
const some = (max, make) => Array.from({ length: random(max + 1) }, make);

// --- texts ----------------------------------------------------------------------------------------------------------------------

const blanks = ['', '', '', ' ', '\n', '\t', '\r\n', '\r', '\v', '\f', '\u00a0', '\ufeff', '\u2003', '\u3000', '\u2028', '/* x */', '/**/',
    '// y\n', '//\u2029', '/***/'];
const blank = () => (reader === 'json5' ? pick(blanks) : pick(['', '', ' ', '\n', '\t', '\r']));
const numbers5 = ['0', '-0', '+0', '1', '-17', '.5', '5.', '0.', '+.25', '1e3', '1E-3', '5.e+1', '0e1', '0x0', '0XfF', '-0x1F', 'Infinity',
    '-Infinity', '+NaN', 'NaN', '1e400', '-1e400', '5e-324', '9007199254740993', '0xFFFFFFFFFFFFFFFFFF', '0.1', '123456789.123456789e-5',
    '1.7976931348623157e308', '2.2250738585072011e-308', '00', '01', '1_0', '0b1', '.', '-', '1e', '0x', '1.2.3', 'Inf', 'nan'];
const numbers = ['0', '-0', '1', '-17', '0.5', '1e3', '1E-3', '0e1', '5e-324', '9007199254740993', '0.1', '1.5E+300', '12345678901234567890123',
    '01', '.5', '5.', '+1', '-', '1e'];
const chars = ['a', 'Z', '0', ' ', '/', '"', "'", '\u00fc', '\ud83d\ude00', '\u2028', '\u200d', '\x00', '\x7f', '\x1f', '\t', '\ufffd', '\\'];
const escapes5 = ['\\n', '\\b', '\\f', '\\r', '\\t', '\\v', '\\0', '\\\\', '\\/', "\\'", '\\"', '\\a', '\\x41', '\\xE9', '\\u0041', '\\ud83d\\ude00',
    '\\ud83d', '\\ude00', '\\u00e9', '\\\n', '\\\r\n', '\\\r', '\\\u2028', '\\1', '\\01', '\\x4', '\\u12', '\\\ud83d\ude00', '\\uD83D', '\\uDE00'];
const escapes = ['\\n', '\\b', '\\f', '\\r', '\\t', '\\\\', '\\/', '\\"', '\\u0041', '\\ud83d\\ude00', '\\ud83d', '\\ude00', '\\u0000', '\\uD83D\\u0041',
    '\\x41', '\\v', '\\u12'];
function text() {
    const quote = reader === 'json5' ? pick(['"', "'"]) : '"';
    return quote + some(4, () => {
        const piece = random(3) ? pick(chars) : pick(reader === 'json5' ? escapes5 : escapes);
        return random(20) && (piece === quote || piece === '\\') ? '' : piece;
    }).join('') + quote;
}
const names = ['a', '$', '_x', 'b1', 'null', '\u00fc', '\u4e2d', '\\u0061', 'a\\u0031', 'a\u200d', '\u{1d400}', '\u0870', 'a\u30fb', '1', '10', '__proto__',
    'a-b', '\\u0031', '\\x61', '', 'constructor', '\u0300', 'a\u0300', '\\ud835\\udc00'];
function value(depth) {
    const kind = random(depth > 0 ? 7 : 5);
    if (kind === 0) return pick(['null', 'true', 'false', 'undefined', 'nul', 'True']);
    if (kind <= 2) return pick(reader === 'json5' ? numbers5 : numbers);
    if (kind <= 4) return text();
    const comma = () => blank() + (random(30) ? ',' : pick(['', ',,', ';'])) + blank();
    const tail = random(4) ? '' : comma();
    if (kind === 5) return '[' + blank() + some(4, () => value(depth - 1)).join(comma()) + tail + blank() + ']';
    const key = () => (reader === 'json5' && random(2) ? pick(names) : random(3) ? JSON.stringify(pick(names)) : text());
    return '{' + blank() + some(4, () => key() + blank() + ':' + blank() + value(depth - 1)).join(comma()) + tail + blank() + '}';
}
const lines = ['A=1', 'export B=two', 'C = "x\\ny"', "D='a#b' # c", 'E=`q`', 'F: 7', 'G:8', '# c', '', '  ', 'H="open', "I='a' b", 'J=\'l1', 'l2\'', 'K=a#b',
    'export', 'export=1', '=x', 'no', 'L="a\\"b"', "M='a\\'b'", "N='a\\' # x", '"', "'", 'O=\t', 'P=$A', 'Q.r-s=\u00fc', 'A=2', 'R=\u00a0x\u2003', "S='x'y'", 'T=""',
    'U="""', 'V=\'"\'', 'W=\\', 'X=\'\\\'', '`', 'Y:\tz'];
const document = () => (reader === 'dotenv' ? some(8, () => pick(lines)).join(pick(['\n', '\n', '\r\n', '\r', '\n\n']))
    : blank() + value(random(5)) + blank());

function corpus() {
    const found = [];
    const dir = path.join('tests/fuzz/corpus', reader);
    for (const d of [dir, path.join('tests/fuzz/regressions', reader)])
        if (fs.existsSync(d)) for (const f of fs.readdirSync(d).sort()) found.push(fs.readFileSync(path.join(d, f)));
    for (const c of reader === 'dotenv' ? [] : JSON.parse(fs.readFileSync('tests/vectors/parse.json', 'utf8')))
        for (const f of Object.values(c.files)) if (typeof f === 'string') found.push(Buffer.from(f));
    return found;
}
const bits = Buffer.from('{}[]:,"\'\\/*0123456789eE+-.xu \n\r\tnulltrefasNI$_#=`\xc3\xe2\x80\xed\xf0\xff', 'latin1');
function mutated(seed) {
    let b = Buffer.from(seed);
    for (let i = 1 + random(3); i > 0; i--) {
        const at = random(b.length + 1);
        const kind = random(4);
        if (kind === 0) b = Buffer.concat([b.subarray(0, at), Buffer.from([bits[random(bits.length)]]), b.subarray(at)]);
        else if (kind === 1) b = Buffer.concat([b.subarray(0, at), b.subarray(at + 1 + random(3))]);
        else if (kind === 2 && b.length > at) b[at] = bits[random(bits.length)];
        else b = Buffer.concat([b.subarray(0, at), b.subarray(random(b.length + 1))]).subarray(0, 4096);
    }
    return b;
}

// --- what the peer says ---------------------------------------------------------------------------------------------------------

function marked(v) {
    if (typeof v === 'number' && !Number.isFinite(v)) return '@' + v;
    if (Object.is(v, -0)) return '@-0';
    if (Array.isArray(v)) return v.map(marked);
    if (v === null || typeof v !== 'object') return v;
    const out = Object.create(null); // "__proto__" is a key like any other there
    for (const k of Object.keys(v)) out[k] = marked(v[k]);
    return out;
}
const points = (s) => Array.from(s).length;
// json5 counts UTF-16 units and tells the place behind the character; we tell the character's own, in code points.
function place(e, text) {
    const all = text.split('\n');
    const kind = /end of input/.test(e.message) ? 'end' : /identifier/.test(e.message) ? 'identifier' : 'character';
    let line = e.lineNumber, start = e.columnNumber - 1;
    if (kind === 'character') {
        if (e.columnNumber === 0) { // a line feed
            line--;
            start = all[line - 1].length;
        } else if (start > 0 && /[\ud800-\udbff][\udc00-\udfff]/.test(all[line - 1].slice(start - 1, start + 1))) {
            start--;
        }
    }
    return `${line}:${points(all[line - 1].slice(0, start)) + 1} ${kind}`;
}
function answer(bytes) {
    const text = bytes.toString('utf8');
    try {
        return 'ok ' + JSON.stringify(marked(peer.parse(text)));
    } catch (e) {
        if (!(e instanceof SyntaxError)) throw e;
        return reader === 'json5' ? 'no ' + place(e, text) : 'no';
    }
}
// The strings and numbers of a JSON text that is valid, in their order: the value alone hides those of a key that comes twice.
function tokens(b) {
    return Array.from(b.toString('utf8').matchAll(/("(?:[^"\\]|\\.)*")([ \t\r\n]*:)?|-?[0-9][-+.0-9eE]*/g),
        ([all, string, colon]) => ({ value: JSON.parse(string ?? all), isKey: colon !== undefined }));
}
const holds = (ours, theirs, b, what) => ours.startsWith('no') && theirs.startsWith('ok') && tokens(b).some(what);
// Where we differ on purpose, each with its reason; anything else is a failure.
const differences = [
    { why: 'the text says by its first bytes that it is UTF-16', is: (b) => b.length > 1 && (b.readUInt16LE(0) === 0xfeff || b.readUInt16LE(0) === 0xfffe) },
    { why: 'jansson: no number beyond the doubles', reader: 'json',
        is: (b, ours, theirs) => holds(ours, theirs, b, (t) => t.value === Infinity || t.value === -Infinity) },
    { why: 'jansson: no NUL in a key', reader: 'json', is: (b, ours, theirs) => holds(ours, theirs, b, (t) => t.isKey && t.value.includes('\0')) },
    { why: 'RFC 8259 text is UTF-8; JSON.parse never sees the bytes', reader: 'json',
        is: (b, ours) => ours.startsWith('no') && b.compare(Buffer.from(b.toString('utf8'))) !== 0 },
    { why: 'no variable can hold a NUL', reader: 'dotenv', is: (b) => b.includes(0) },
];

const cases = corpus();
const seeds = cases.length;
const count = Number(countText);
for (let i = 0; i < count; i++) {
    const fresh = Buffer.from(document());
    cases.push(random(3) ? fresh : mutated(random(2) && seeds ? cases[random(seeds)].subarray(0, 2048) : fresh));
}
const input = [];
for (const c of cases) {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(c.length);
    input.push(head, c);
}
const run = spawnSync(dump, [reader], { input: Buffer.concat(input), maxBuffer: 1 << 30 });
if (run.status !== 0) throw new Error(`${dump}: ${run.status} ${run.signal} ${run.stderr}`);
const got = run.stdout.toString('utf8').split('\n');
let bad = 0, accepted = 0, differing = 0;
cases.forEach((c, i) => {
    const theirs = answer(c);
    const ours = reader === 'json5' || got[i].startsWith('ok') ? got[i] : got[i].slice(0, 2);
    accepted += theirs.startsWith('ok');
    if (ours === theirs) return;
    if (differences.some((d) => (!d.reader || d.reader === reader) && d.is(c, ours, theirs))) {
        differing++;
        return;
    }
    if (bad++ < 10) console.log(`${JSON.stringify(c.toString('latin1'))}\n  ours:   ${ours}\n  theirs: ${theirs}`);
});
console.log(`${reader}: seed ${seedText}: ${cases.length} texts, ${accepted} accepted, ${differing} differ on purpose, ${bad} differ`);
if (got.length !== cases.length + 1) throw new Error(`${got.length - 1} answers`);
if (accepted < cases.length / 10 || (reader !== 'dotenv' && accepted > cases.length * 0.9)) throw new Error('the texts are too one-sided to show anything');
process.exit(bad ? 1 : 0);
