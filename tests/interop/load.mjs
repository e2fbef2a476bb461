// LINE=... load.mjs DUMP SEED COUNT FILE=NAME...: OpenClaw's own functions (NAME in FILE of its dist) and ours over COUNT random homes: where
// the state directory and the config are, and what the config is after $include, the env block and ${NAME}. DUMP is the
// program tests/tools/load_dump.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const [dump, seedText, countText, ...functions] = process.argv.slice(2);
const openclaw = {};
let dist, blocklist;
for (const f of functions) {
    const [, file, name] = /^(.*)=(\w+)$/.exec(f);
    const letter = new RegExp(`[{ ,]${name} as ([\\w$]+)`).exec(fs.readFileSync(file, 'utf8')); // exports are renamed to letters
    openclaw[name] = (await import(file))[letter[1]];
    dist = file;
    if (name === 'isDangerousHostEnvVarName') blocklist = file;
}
const JSON5 = createRequire(dist)('json5');
console.warn = () => {};

let state = Number(seedText) >>> 0;
function random(n) { // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
}
const pick = (list) => list[random(list.length)];

// --- homes ------------------------------------------------------------------------------------------------------------------------

const files = ['a.json5', 'b.json5', 'd/c.json5', 'd/e.json5', 'f', '../out/x.json5', '../out/y.json5'];
const targets = (base) => ['a.json5', './b.json5', 'd/c.json5', 'd/e.json5', '../a.json5', '../d/../b.json5', 'e.json5', 'f', 'd//../f', 'no.json5', '', '.', 'd',
    '/etc/hostname', '../out/x.json5', '../../out/y.json5', 'x.json5', 'link/x.json5', 'flink', 'dlink/c.json5', 'hard', 'openclaw.json', `${base}/out/y.json5`,
    `${base}/.openclaw/a.json5`, '~/a.json5', '${V}.json5'];
// 2026.9 drops keys named constructor and prototype from all objects that an $include merges, and lets a __proto__ at the top be
// looked through to its env. No key of a config has these names, so there we do as 2026.5.
const names = ['a', 'b', 'c', 'list', 'o', 'env', 'vars', '2', '10', '01', 'toString', 'x y', '${V}', '',
    ...(process.env.LINE === '2026.5' ? ['__proto__', 'constructor', 'prototype'] : [])];
const texts = ['${V}', '$${V}', '$$${W}', '${NO}', 'a${V}b${NO}', '${EMPTY}', '${v}', '${V', '$', '${}', '${V:-x}', '${AA}', '${BB}-${CC}', '${V ${W}}', '${_1}', 'plain',
    '', ' ', '\\ud83d', '${HOME}x'];
const variables = ['AA', 'BB', 'CC', ' DD ', 'aa', '1X', 'A B', 'PATH', 'HOME', 'NODE_OPTIONS', 'ld_preload', 'Git_Config_X', 'V', 'EMPTY', 'BLANK', 'shellEnv',
    'ZAI_API_KEY', 'Z_AI_API_KEY', 'rustc', 'CARGO_TARGET_A_LINKER', 'OPENCLAW_INCLUDE_ROOTS'];
const key = (k) => (/^[a-z]\w*$/i.test(k) && random(2) ? k : JSON.stringify(k));
function object(base, depth, chance) {
    const members = [];
    for (let i = random(4); i > 0; i--) {
        const name = pick(names), text = value(base, depth - 1, chance);
        // An env block that an $include makes an object inherit is looked for variables by 2026.5. No config has one.
        members.push(`${key(name)}: ${name === '__proto__' && text.includes('env') ? '{}' : text}`);
    }
    if (random(12) === 0) members.push(`env: {${random(2) ? `vars: ${envBlock()},` : ''} ${random(2) ? envBlock().slice(1) : '}'}`);
    if (random(100) < chance) {
        const include = () => JSON.stringify(pick(targets(base)));
        const many = () => Array.from({ length: random(4) }, () => (random(25) ? include() : '7'));
        members.splice(random(members.length + 1), 0, `$include: ${random(3) ? include() : random(12) ? `[${many()}]` : pick(['5', 'null', '{}', '[[]]'])}`);
    }
    return `{${members.join(', ')}}`;
}
const envBlock = () => `{${Array.from({ length: 1 + random(3) }, () => `${JSON.stringify(pick(variables))}: ${random(6) ? JSON.stringify(pick(texts)) : '1'}`).join(', ')}}`;
function value(base, depth, chance) {
    if (depth <= 0 || random(3) === 0) return random(3) ? `"${pick(texts)}"` : pick(['1', 'null', 'true', '.5', 'NaN', '[]', '{}']);
    return random(4) ? object(base, depth, chance) : `[${Array.from({ length: random(3) }, () => value(base, depth - 1, chance)).join(', ')}]`;
}
function write(file, text) {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
}
function link(make, from, to) {
    try {
        make(from, to);
    } catch {
        // the target is not there, or the name is taken
    }
}
function makeHome(base) {
    const where = pick(['.openclaw', '.openclaw', '.openclaw', '.openclaw', '.openclaw', '.clawdbot', 's']);
    const name = pick(['openclaw.json', 'openclaw.json', 'openclaw.json', 'openclaw.json', 'clawdbot.json']);
    const dir = path.join(base, where);
    const env = { HOME: base, V: 'a', W: 'w', EMPTY: '', BLANK: ' ', _1: '1' };
    write(path.join(dir, name), random(40) ? (random(30) ? object(base, 4, 45) : value(base, 2, 45)) : '{broken');
    for (const f of files) if (random(8)) write(path.join(dir, f), random(40) ? (random(5) ? object(base, 3, 18) : value(base, 2, 10)) : '{]');
    link(fs.symlinkSync, '../out', path.join(dir, 'link'));
    link(fs.symlinkSync, pick(['a.json5', '../out/x.json5', 'flink', 'nothing']), path.join(dir, 'flink'));
    link(fs.symlinkSync, 'd', path.join(dir, 'dlink'));
    if (random(6) === 0) link(fs.linkSync, path.join(dir, 'f'), path.join(dir, 'hard'));
    if (random(3) === 0) env.OPENCLAW_INCLUDE_ROOTS = pick([path.join(base, 'out'), '~/out', 'cwd:../out', ' :~/out/: ', '~/nowhere', '/']);
    if (where === 's' || random(12) === 0) env.OPENCLAW_STATE_DIR = pick(['~/s', 's', path.join(base, 's'), ' ~/s ', '../s/']);
    if (random(8) === 0) env.OPENCLAW_CONFIG_PATH = pick([`~/${where}/${name}`, `../${where}/${name}`, path.join(dir, name), '~/no.json']);
    if (random(20) === 0) env.OPENCLAW_HOME = pick(['~/out', '..', base, 'undefined', 'null', ' ']);
    const cwd = path.join(base, 'cwd');
    fs.mkdirSync(cwd, { recursive: true });
    return { cwd, env };
}

// Sets every name that OpenClaw's own list of what a config may not set has anything to do with.
function homeOfAllNames(base) {
    const words = [...fs.readFileSync(blocklist, 'utf8').matchAll(/"([A-Za-z_][A-Za-z0-9_]*)"/g)].map(([, name]) => name);
    const some = [...words, 'CARGO_TARGET_', 'CARGO_TARGET_A_LINKER', 'CARGO_TARGET_A_RUNNER', 'CARGO_TARGET_LINKER', 'CARGO_TARGET__RUNNER',
        'OPENCLAW_INCLUDE_ROOTS', 'OPENCLAW_CONFIG_READONLY', 'OPENCLAW_ALLOW_OLDER_BINARY_DESTRUCTIVE_ACTIONS'];
    if (some.length < 200) throw new Error(`${some.length} names in ${blocklist}`);
    const vars = Object.fromEntries(some.flatMap((name) => [name, name.toLowerCase(), `${name}_X`, `X_${name}`]).map((name) => [name, 'set']));
    write(path.join(base, '.openclaw', 'openclaw.json'), JSON.stringify({ env: { vars } }));
    fs.mkdirSync(path.join(base, 'cwd'), { recursive: true });
    return { cwd: path.join(base, 'cwd'), env: { HOME: base } };
}

// --- what OpenClaw says -------------------------------------------------------------------------------------------------------------

function answer({ cwd, env }) {
    process.chdir(cwd);
    env = Object.assign(Object.create(null), env); // no toString
    const stateDir = openclaw.resolveStateDir(env);
    const config = openclaw.resolveConfigPath(env, stateDir);
    const out = { state: stateDir, config, ok: false };
    try {
        let root = {};
        const missing = [];
        if (fs.existsSync(config)) {
            root = JSON5.parse(fs.readFileSync(config, 'utf8'));
            root = openclaw.resolveConfigIncludes(root, config, undefined, { allowedRoots: openclaw.resolveIncludeRoots(env) });
            if (root && typeof root === 'object' && 'env' in root) openclaw.applyConfigEnvVars(root, env);
            root = openclaw.resolveConfigEnvVars(root, env, { onMissing: (w) => missing.push(w.varName) });
        }
        return { ...out, ok: true, value: root, env, missing: missing.sort() };
    } catch (e) {
        if (!/SyntaxError|IncludeError/.test(e.name)) throw e;
        return out;
    }
}

const top = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'reconclaw-config-')));
process.on('exit', () => {
    process.chdir('/');
    fs.rmSync(top, { recursive: true, force: true });
});
const homes = Array.from({ length: Number(countText) }, (_, i) => makeHome(path.join(top, String(i))));
homes.push(homeOfAllNames(path.join(top, 'names')));
const run = spawnSync(dump, [process.env.LINE], { input: homes.map((h) => JSON.stringify(h) + '\n').join(''), maxBuffer: 1 << 30 });
if (run.status !== 0) throw new Error(`${dump}: ${run.status} ${run.signal} ${run.stderr}`);
const got = run.stdout.toString('utf8').split('\n');
let bad = 0, loaded = 0;
homes.forEach((h, i) => {
    const theirs = JSON.stringify(answer(h));
    loaded += theirs.includes('"ok":true');
    if (got[i] === theirs) return;
    if (bad++ >= 5) return;
    console.log(`${JSON.stringify(h)}\n  ours:   ${got[i]}\n  theirs: ${theirs}`);
    for (const f of fs.readdirSync(h.env.HOME, { recursive: true }).sort()) {
        const file = path.join(h.env.HOME, f);
        if (fs.lstatSync(file).isFile()) console.log(`  ${f}: ${fs.readFileSync(file, 'utf8')}`);
    }
});
console.log(`load: seed ${seedText}: ${homes.length} homes, ${loaded} load, ${bad} differ`);
if (got.length !== homes.length + 1) throw new Error(`${got.length - 1} answers`);
if (loaded < homes.length / 5 || loaded > homes.length * 0.9) throw new Error('the homes are too one-sided to show anything');
process.exit(bad ? 1 : 0);
