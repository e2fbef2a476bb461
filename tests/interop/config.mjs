// Random configs, judged and resolved by the real OpenClaw and by us: the same are refused, at the same stage, and the same
// sandbox comes out of the others.
//
//     node config.mjs LINE CONFIG_DUMP SEED COUNT
//
// LINE is the line of OpenClaw. In the environment: FN_<name>="file<TAB>export" (openclaw_dist) of resolveSandboxConfigForAgent and of
// what judges a config: validateConfigObjectRaw; of 2026.9 its loader, createConfigIO, which moves older rosters before it judges.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";

const [line, dump, seedText, countText] = process.argv.slice(2);
const newer = line !== "2026.5";
const load = async name => {
    const [file, letter] = process.env[`FN_${name}`].split("\t");
    return (await import(file))[letter];
};
const resolve = await load("resolveSandboxConfigForAgent");
const validate = await (newer ? loaded() : load("validateConfigObjectRaw"));

async function loaded() {
    const createConfigIO = await load("createConfigIO");
    const quiet = () => {};
    const logger = { error: quiet, warn: quiet, info: quiet };
    return async c => {
        fs.writeFileSync(path.join(process.env.OPENCLAW_STATE_DIR, "openclaw.json"), JSON.stringify(c));
        const s = await createConfigIO({ logger }).readConfigFileSnapshot();
        return { ok: s.valid, issues: s.issues, config: s.config };
    };
}

let seed = Number(seedText) >>> 0;
const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return (seed >>> 8) / 0x1000000;
};
const below = n => Math.floor(random() * n);
const pick = list => list[below(list.length)];

const wrong = [null, 1, -1, 0, 1.5, "", " ", "x", true, false, [], ["a"], [1], {}, { a: 1 }, 1e21, "host", "unconfined", "container:x",
    9007199254740991, 9007199254740992];
// One of these, and now and then something that does not belong there.
const value = list => random() < 0.98 ? pick(list) : pick(wrong);
const flag = () => value([true, false]);
const listOf = (item, n) => random() < 0.98 ? Array.from({ length: below(n) }, item) : pick(wrong);
const mapOf = (keys, item) => random() < 0.98
    ? Object.fromEntries(Array.from({ length: below(4) }, () => [pick(keys), item()])) : pick(wrong);
const strings = () => listOf(() => value(["a", "/tmp", "B", "/a:/b", "/c:/d:ro"]), 3);
// Some of the keys in random order, now and then one that is none.
function object(keys, share) {
    const names = Object.keys(keys);
    for (let i = names.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [names[i], names[j]] = [names[j], names[i]];
    }
    const o = {};
    for (const name of names)
        if (random() < share)
            o[name] = keys[name]();
    if (random() < 0.005)
        o[pick(["foo", "x", "Image", "perSession", "tools"])] = pick(wrong);
    return random() < 0.99 ? o : pick(wrong);
}

const docker = () => object({
    image: () => value(["a:1", "", "b"]), containerPrefix: () => value(["p-", ""]), workdir: () => value(["/w", "w"]),
    readOnlyRoot: flag, tmpfs: strings, network: () => value(["none", "bridge", "n1", "", "Host ", "CONTAINER:x", "host"]),
    user: () => value(["1:1", "", " "]), capDrop: strings,
    // One bad name or text refuses the whole of a newer config.
    env: () => mapOf(newer && random() < 0.95 ? ["A", "LANG", "_2", "b", "constructor", "X_TOKEN"]
        : ["A", "LANG", "10", "2", "b", "constructor", "a b", "é"], () => value(newer && random() < 0.02 ? ["a\nb", "\r"] : ["1", "", "x"])),
    setupCommand: () => value(["a", "", ["a", "b"], [], ["x"]]), pidsLimit: () => value([1, 5, 9007199254740991]),
    memory: () => value(["1g", 5, 0, -1, 1.5, ""]), memorySwap: () => value(["1g", -1]), cpus: () => value([1, 0.5, 1e-9]),
    gpus: () => value(["all", " ", " x "]),
    ulimits: () => mapOf(["nofile", "2", "1", "core"],
        () => value(["1:2", 5, -1, { soft: 1 }, { hard: 0 }, { soft: 1, hard: 2 }, {}, { soft: 1.5 }, { max: 1 }])),
    seccompProfile: () => value(["/s", "", " Unconfined"]), apparmorProfile: () => value(["p", "UNCONFINED "]), dns: strings,
    extraHosts: strings, binds: () => listOf(() => value(["/a:/b", "/x", " /y:/z ", "/a:/b", ":/a", "rel"]), 3),
    dangerouslyAllowReservedContainerTargets: flag, dangerouslyAllowExternalBindSources: flag,
    dangerouslyAllowContainerNamespaceJoin: flag,
}, 0.16);

const browser = () => object({
    enabled: flag, image: () => value(["b:1", ""]), containerPrefix: () => value(["bp"]),
    network: () => value(["n", "none", "host", "container:y", ""]), cdpPort: () => value([1, 70000]),
    cdpSourceRange: () => value(["", "1/2"]), vncPort: () => value([2]), noVncPort: () => value([3]), headless: flag,
    [newer && random() < 0.98 ? "noVncEnabled" : "enableNoVnc"]: flag, allowHostControl: flag, autoStart: flag, autoStartTimeoutMs: () => value([1, 2147000000, 2147000001, 2147483648]), binds: strings,
}, 0.2);

const ref = (source, id) => ({ source, provider: pick(["default", "d-1", "D"]), id });
const secret = () => value(["k", " k ", "", ref("env", "ABC"), ref("env", "abc"), ref("file", "/a~1"), ref("file", "/a~"),
    ref("file", "value"), ref("exec", "a/b"), ref("exec", "a/../b"), ref("exec", "../b"), ref("exec", "b/"), ref("exec", "b/.."),
    ref("exec", "a//b"), { source: "env", id: "A" }, ref("none", "A"), { ...ref("env", "A"), x: 1 }]);
const ssh = () => object({
    target: () => value(["u@h", " u@h ", " "]), command: () => value(["ssh", " x ", " "]),
    workspaceRoot: () => value(["/r//", "\\a\\b\\", "/", " ", "rel", "/a/\\/"]), strictHostKeyChecking: flag, updateHostKeys: flag,
    identityFile: () => value(["/i", " /j "]), certificateFile: () => value(["/c"]), knownHostsFile: () => value(["/k"]),
    identityData: secret, certificateData: secret, knownHostsData: secret,
}, 0.2);

const sandbox = () => object({
    mode: () => value(["off", "all", "non-main"]), backend: () => value(["docker", "ssh", " ", "Docker ", "x", "podman"]),
    workspaceAccess: () => value(["none", "ro", "rw"]), sessionToolsVisibility: () => value(["all", "spawned"]),
    scope: () => value(["session", "agent", "shared"]), workspaceRoot: () => value(["/w", "", "rel"]), docker, ssh, browser,
    prune: () => object({ idleHours: () => value([0, 5]), maxAgeDays: () => value([0, 9]) }, 0.5),
}, 0.4);

const toolNames = () => listOf(() => value(["exec", "BASH", "Apply-Patch", "group:fs", "group:openclaw", "group:none", "browser", "b*",
    "*", "image", "Image ", "cron", "", "tele*gram", "*s", "x*y*z", "group:ui", "ÄÖ"]), 4);
const tools = () => object({
    sandbox: () => object({ tools: () => object({ allow: toolNames, alsoAllow: toolNames, deny: toolNames }, 0.4) }, 0.9),
    elevated: () => object({ enabled: flag, allowFrom: () => mapOf(["telegram", "x"], () => listOf(() => value(["u", 5]), 3)) }, 0.5),
}, 0.7);

function agent() {
    const entry = { id: value(["main", "work", "Work ", "a b", "x", ""]) };
    if (random() < 0.7)
        entry.sandbox = sandbox();
    if (random() < 0.4)
        entry.tools = tools();
    if (random() < 0.2)
        entry.agentDir = pick(["/d/1", "/d/2", "/d/x/../1"]);
    return entry;
}

// As a record by id, or the older list, and who owns what is nobody's.
function roster() {
    const o = {};
    if (random() < 0.15)
        o.list = listOf(agent, 4);
    if (!o.list || random() < 0.02)
        o.entries = mapOf(["main", "work", "Work", "x", "a-b", "10", "2", random() < 0.05 ? "a b" : "y", random() < 0.05 ? "" : "z"], () => {
            const { id, ...entry } = agent();
            return random() < 0.99 ? entry : { id, ...entry };
        });
    const ids = typeof o.entries === "object" ? Object.keys(o.entries ?? {}) : [];
    if (random() < 0.95 && (random() < 0.3 || ids.length > 1) && !(o.list?.length < 2))
        o.ownership = value(["explicit"]);
    else if (typeof o.entries?.[ids[0]] === "object" && o.entries[ids[0]])
        o.entries[ids[0]].default = flag();
    return o;
}

function config() {
    const c = {};
    if (random() < 0.9) {
        c.agents = {};
        if (random() < 0.8)
            c.agents.defaults = { sandbox: sandbox() };
        if (random() < 0.7)
            Object.assign(c.agents, newer ? roster() : { list: listOf(agent, 4) });
    }
    if (random() < 0.5)
        c.tools = tools();
    return c;
}

// What is good by its keys and cannot be resolved: a root of ssh that is no absolute path, of all agents or of the one that is asked
// for. Random configs have one so seldom that a run may have none.
function unresolvable(agentId) {
    const sandbox = { mode: pick(["off", "all"]), ssh: { workspaceRoot: pick(["rel", "./w", "a/b", "w\\x", "~w"]) } };
    const own = newer ? { entries: { [agentId]: { sandbox } } } : { list: [{ id: agentId, sandbox }] };
    return { agents: random() < 0.5 ? { defaults: { sandbox } } : own };
}

async function theirs(c, agentId) {
    const v = await validate(c);
    if (!v.ok)
        return { ok: false, stage: "load", errors: v.issues.map(i => `${i.path}: ${i.message}`) };
    try {
        const s = resolve(v.config, agentId);
        return {
            ok: true, resolved: JSON.parse(JSON.stringify(s)), envOrder: Object.keys(s.docker.env),
            ...(s.docker.ulimits ? { ulimitOrder: Object.keys(s.docker.ulimits) } : {}),
        };
    } catch (e) {
        return { ok: false, stage: "resolve", errors: [String(e)] };
    }
}

const cases = [];
for (let i = 0; i < Number(countText); i++) {
    const certain = i % 50 === 0;
    const agentId = pick(certain ? ["main", "work", "x"] : ["main", "work", " WORK", "a-b", "x", "none"]);
    const c = certain ? unresolvable(agentId) : config();
    cases.push({ configText: JSON.stringify(c), agentId, theirs: await theirs(c, agentId) });
}
const run = spawnSync(dump, [line], { input: cases.map(({ configText, agentId }) => JSON.stringify({ configText, agentId }) + "\n").join(""),
    encoding: "utf8", maxBuffer: 1 << 30 });
if (run.status !== 0)
    throw new Error(`${dump}: ${run.status} ${run.signal} ${run.stderr}`);
const ours = run.stdout.trimEnd().split("\n").map(line => JSON.parse(line));
if (ours.length !== cases.length)
    throw new Error(`${ours.length} answers to ${cases.length} configs`);

let n_wrong = 0;
const counts = {};
cases.forEach((c, i) => {
    const { errors: theirErrors, ...want } = c.theirs, { errors: ourErrors, ...have } = ours[i];
    counts[want.ok ? "ok" : want.stage] = (counts[want.ok ? "ok" : want.stage] ?? 0) + 1;
    if (isDeepStrictEqual(want, have))
        return;
    if (++n_wrong <= 5)
        console.log(`${c.configText} (${c.agentId})\n  OpenClaw: ${JSON.stringify(c.theirs)}\n  ours:     ${JSON.stringify(ours[i])}`);
});
console.log(`${cases.length} configs: ${JSON.stringify(counts)}; ${n_wrong} differ`);
// A generator that makes only good or only bad configs would prove nothing.
const dull = (counts.ok ?? 0) * 10 < cases.length || (counts.load ?? 0) * 10 < cases.length || !counts.resolve;
process.exit(n_wrong || dull ? 1 : 0);
