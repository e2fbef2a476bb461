// OpenClaw's own sandbox steps, found in its dist by name, as the other party of tests/interop/openclaw*.bats.
//   openclaw.mjs cli sandbox ...          its command line, of which nothing but the sandbox commands is loaded
//   openclaw.mjs use KEY...               a session's turn as far as its sandbox goes; one line of JSON per session key
//   openclaw.mjs loop SECONDS KEY...      the same, round and round; at the end one line {KEY: {times, ids, said}}
//   openclaw.mjs explain PROGRAM SPEC ASKS
//                                         each line of the file ASKS is {"agent": ID} or {"session": KEY}: what `reconclaw explain`
//                                         has to answer, by the runtime's own function and by `openclaw sandbox explain`
//   openclaw.mjs random PROGRAM SPEC SEED ROUNDS
//                                         random configs: what either makes the other adopts, and the engine shows no difference
//                                         between the two
//   openclaw.mjs serve OUT                each line of stdin is a JSON list of the words of one of the above: what it prints goes to
//                                         the file OUT, its exit status to stdout. One process, as a Gateway is one
// In the environment: LINE, HOME, OPENCLAW_HOME, OPENCLAW_STATE_DIR, RECONCLAW_STATE_DIR, DOCKER_HOST, and FN_<name>="file<TAB>export"
// (openclaw_dist).
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import { format, isDeepStrictEqual } from "node:util";

const openclaw = {};
async function load(...names) {
  for (const name of names) {
    const [file, letter] = process.env[`FN_${name}`].split("\t");
    openclaw[name] ??= (await import(file))[letter];
  }
}
await load("createConfigIO", "resolveAgentWorkspaceDir", "resolveSandboxContext", "resolveSandboxRuntimeStatus");

const print = (o) => process.stdout.write(`${JSON.stringify(o)}\n`);
const newer = process.env.LINE !== "2026.5";

// What OpenClaw tells its user, instead of letting it through; null lets it. That something was slow is told of the machine, not of
// the sandboxes.
let said = null;
for (const level of ["log", "info", "warn", "error"]) {
  const tell = console[level];
  console[level] = (...args) => {
    const text = format(...args);
    if (said === null) tell(...args);
    else if (!/^\[[\w/-]+\] slow /.test(text)) said.push(text);
  };
}

// The config as it is on disk now.
const config = () => openclaw.createConfigIO().loadConfig();

// What a turn of a session does before the agent gets to work.
async function use(cfg, sessionKey) {
  const { agentId } = openclaw.resolveSandboxRuntimeStatus({ cfg, sessionKey });
  const workspaceDir = openclaw.resolveAgentWorkspaceDir(cfg, agentId);
  said = [];
  try {
    const c = await openclaw.resolveSandboxContext({ config: cfg, sessionKey, workspaceDir });
    return { sessionKey, sandboxed: c !== null, name: c?.containerName, workspaceDir: c?.workspaceDir, said };
  } catch (e) {
    return { sessionKey, error: String(e?.message ?? e), said };
  }
}

async function loop(seconds, keys) {
  const until = Date.now() + Number(seconds) * 1000;
  const all = {};
  for (let i = 0; Date.now() < until; i++) {
    const key = keys[i % keys.length];
    const r = await use(config(), key);
    const o = (all[key] ??= { name: r.name, times: 0, said: [], errors: [] });
    o.times++;
    o.said.push(...r.said);
    if (r.error) o.errors.push(r.error);
  }
  print(all);
}

// --- its command line ---------------------------------------------------------------------------------------------------------------

async function cli(...args) {
  await load("registerSandboxCli");
  const { Command } = createRequire(process.env.FN_registerSandboxCli.split("\t")[0])("commander");
  const program = new Command();
  openclaw.registerSandboxCli(program);
  await program.parseAsync(["node", "openclaw", ...args]);
}

// As in a Gateway the plugins of the channels are there: the bare command line has none of them, and so takes no session to be
// of a channel.
async function explain(...args) {
  await load("listBundledChannelCatalogEntries");
  const registry = { channels: openclaw.listBundledChannelCatalogEntries().map(({ id }) => ({ plugin: { id, meta: {} } })) };
  globalThis[Symbol.for("openclaw.pluginRegistryState")] = newer ? { activeRegistry: registry, activeVersion: 1 } : { channel: { registry } };
  const { write } = process.stdout, { exit } = process;
  let text = "";
  said = [];
  process.stdout.write = (s) => { text += s; return true; };
  // What it refuses it tells, and ends.
  process.exit = () => { throw new Error(said.join("\n")); };
  try {
    await cli("sandbox", "explain", "--json", ...args);
  } finally {
    process.stdout.write = write;
    process.exit = exit;
  }
  return JSON.parse(text);
}

// null and absent are one.
const bare = (v) => JSON.parse(JSON.stringify(v ?? null, (_, x) => (x === null ? undefined : x)) ?? "null");

// Ours are in the order of the engine's; theirs have an owner's bind where what it covers stood.
const byTarget = (mounts) => mounts.toSorted((x, y) => (x.containerRoot < y.containerRoot ? -1 : 1));

async function explainAll(program, spec, asks) {
  const cfg = config();
  let wrong = 0;
  let n = 0;
  let refused = 0;
  for (const line of fs.readFileSync(asks, "utf8").split("\n").filter(Boolean)) {
    const ask = JSON.parse(line);
    const run = spawnSync(program, ["explain", "-o", "json", ...("agent" in ask ? ["--agent", ask.agent] : ["--session", ask.session]), spec],
      { encoding: "utf8" });
    let asked, status, told, whole;
    try {
      asked = "agent" in ask ? await explain("--agent", ask.agent) : null;
      status = openclaw.resolveSandboxRuntimeStatus({ cfg, sessionKey: asked ? asked.sessionKey : ask.session });
      // The runtime has the agent of the session; a bare key is the command line's own shorthand for another.
      // Nor does the newer command line take such a key with colons in it.
      whole = newer ? /^\s*agent:/i.test(ask.session) : ask.session?.includes(":");
      told = asked ?? (await explain(...(newer && whole ? [] : ["--agent", status.agentId]), ...(whole ? ["--session", ask.session] : [])));
    } catch (e) {
      refused++;
      if (run.status === 0) {
        wrong++;
        print({ ask, refused: String(e) });
      }
      continue;
    }
    const want = {
      agentId: status.agentId, sessionKey: status.sessionKey, mainSessionKey: status.mainSessionKey, sandboxed: status.sandboxed,
      mode: told.sandbox.mode, scope: told.sandbox.scope, workspaceAccess: told.sandbox.workspaceAccess,
      workspaceRoot: told.sandbox.workspaceRoot, tools: told.sandbox.tools, elevated: told.elevated, fixIt: told.fixIt,
    };
    if (asked) want.agentId = told.agentId;
    // Where the command line was asked for the agent instead, its main session may be outside of the sandbox that this one is in.
    if (newer && (asked || whole || told.sandbox.sessionIsSandboxed === status.sandboxed)) {
      // The session store, which may give a session another workspace, has none.
      for (const key of ["backend", "effectiveHostWorkspaceRoot", "runtimeWorkdir", "workspaceSource"]) want[key] = told.sandbox[key];
      want.workspaceMounts = byTarget(told.sandbox.workspaceMounts);
    }
    // Where all sessions are one, the command line names sessions that there are none of, and reads the default agent from
    // the global one's key, which names no agent.
    if (asked && status.mainSessionKey === "global") want.sessionKey = "global";
    if (asked && status.mainSessionKey === "global" && ask.agent === "") continue;
    let have = {};
    if (run.status === 0) {
      have = JSON.parse(run.stdout);
      have.workspaceRoot = have.sandbox.workspaceRoot;
      have.workspaceMounts = byTarget(have.workspaceMounts);
    }
    n++;
    for (const key of Object.keys(want))
      if (!isDeepStrictEqual(bare(have[key]), bare(want[key]))) {
        wrong++;
        print({ ask, key, ours: have[key], theirs: want[key], stderr: run.stderr.slice(0, 300) });
      }
  }
  print({ asked: n, refused, wrong });
  return wrong === 0 && n > 0 && (newer || refused === 0);
}

// --- random configs ----------------------------------------------------------------------------------------------------------

// Everything that this kind of machine's engine can carry out, so without GPUs, AppArmor and limits above its own.
function generator(seed, dir) {
  let state = Number(seed) >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const pick = (list) => list[Math.floor(random() * list.length)];
  const some = (list, share = 0.5) => list.filter(() => random() < share);
  const maybe = (o, share) => Object.fromEntries(Object.entries(o).filter(() => random() < share).map(([k, v]) => [k, v()]));
  // The newer line hands variables over in a file of lines, and so takes no others into its config.
  const variables = ["A", "LANG", "b", "a", "B_2", "MY_PATH", "OPENCLAW_CLI", "X_TOKEN",
    ...(newer ? ["_9", "ANTHROPIC_API_KEY", "SOME_ADMIN_KEY", "Z"] : ["B-2", "10", "9", "a.b", "É", " pad "])];
  const values = ["1", "", "x y", " lead", "a=b", newer ? "trail " : "two\nlines", "tab\t", "é\u2028", "~/bin", "$HOME", "'q' \"q\" \\", "${NOT_SET}", "x".repeat(100)];
  const docker = () => maybe({
    image: () => pick(["openclaw-sandbox:bookworm-slim", "openclaw-sandbox:other"]),
    containerPrefix: () => pick(["p-", "openclaw-sbx-", "P.x_", "a-prefix-that-leaves-no-room-at-all-for-the-name-"]),
    workdir: () => pick(["/workspace", "/work", "/w x/y", "/tmp/.."]),
    readOnlyRoot: () => random() < 0.5,
    tmpfs: () => some(["/tmp", "/var/tmp:size=1m", "/run:rw,mode=755,size=65536k", "/scratch:"]),
    network: () => pick(["none", "bridge", "", "interop-net", "None"]),
    user: () => pick(["1000", "1000:1000", "0:0", "root", " ", ""]),
    capDrop: () => some(["ALL", "NET_RAW", "CAP_CHOWN", "setuid", "MKNOD"]),
    env: () => Object.fromEntries(some(variables, 0.3).map((k) => [k, pick(values)])),
    setupCommand: () => pick(["true", ["true", "echo done"], "", [], " "]),
    pidsLimit: () => pick([10, 100, 4096]),
    memory: () => pick(["64m", "0.125g", 67108864, "100000k", "80000000", " 64M ", "67108864b", ""]),
    memorySwap: () => pick(["512m", "-1", -1, 1073741824, ""]),
    cpus: () => pick([0.5, 1, 0.01, 1.25, 0.333]),
    ulimits: () => Object.fromEntries(some(["nofile", "nproc", "core", "fsize"]).map((k) =>
      [k, pick([100, "100", "100:200", { soft: 50, hard: 100 }, { hard: 60 }, { soft: 70 }, {}, 0, " 80 ", "90:90"])])),
    seccompProfile: () => pick([`${dir}/seccomp.json`, ""]),
    dns: () => some(["192.0.2.1", "2001:db8::1", " "]),
    extraHosts: () => some(["db:192.0.2.8", "v6:2001:db8::2", "db:192.0.2.9", ""]),
    binds: () => some([`${dir}/data:/data`, `${dir}/data:/ro:ro`, `${dir}/data/deep:/deep:rw,z`, `${dir}/data/x:/x:ro,rslave`, `${dir}/data/file:/etc/file:ro`]),
    dangerouslyAllowExternalBindSources: () => true,
  }, 0.35);
  const sandbox = () => maybe({
    scope: () => pick(["agent", "session", "shared"]),
    workspaceAccess: () => pick(["none", "ro", "rw"]),
    workspaceRoot: () => pick([`${dir}/root`, "~/boxes"]),
    docker,
  }, 0.6);
  return () => {
    const defaults = sandbox();
    // Binds are refused without it, and then there is nothing to compare.
    defaults.docker = { ...defaults.docker, dangerouslyAllowExternalBindSources: true };
    const b = { sandbox: sandbox(), ...(random() < 0.3 ? { workspace: pick([`${dir}/ws`, "~/ws b"]) } : {}) };
    return {
      agents: {
        defaults: { sandbox: { ...defaults, mode: "all" }, skipBootstrap: true },
        ...(newer ? { ownership: "explicit", entries: { a: {}, b } } : { list: [{ id: "a" }, { id: "b", ...b }] }),
      },
    };
  };
}

const dockerRun = (...args) => {
  const r = spawnSync("docker", args, { encoding: "utf8" });
  if (r.status !== 0) throw new Error(`docker ${args[0]}: ${r.stderr}`);
  return r.stdout;
};
const lines = (text) => text.split("\n").filter(Boolean);
const containers = () => lines(dockerRun("ps", "-aq", "--no-trunc"));
const inspect = () => (containers().length ? JSON.parse(dockerRun("inspect", ...containers())) : []).sort((x, y) => (x.Name < y.Name ? -1 : 1));

// What an engine shows of how a container was made. The docker client sends mounts and variables in any order, and some
// releases of it spell capabilities out.
function made(c) {
  const { "openclaw.createdAtMs": at, ...labels } = c.Config.Labels;
  const Labels = Object.fromEntries(Object.entries(labels).filter(([k]) => !k.startsWith("reconclaw.")));
  const sorted = (list) => (list ?? []).toSorted();
  const capability = (s) => (s === "ALL" ? s : `CAP_${s.toUpperCase().replace(/^CAP_/, "")}`);
  return {
    name: c.Name, running: c.State.Running, image: c.Image,
    config: { ...c.Config, Hostname: null, Labels, Env: sorted(c.Config.Env), createdAtMs: /^\d{13}$/.test(at) },
    host: { ...c.HostConfig, Binds: sorted(c.HostConfig.Binds), CapDrop: sorted([...new Set((c.HostConfig.CapDrop ?? []).map(capability))]),
      Ulimits: sorted((c.HostConfig.Ulimits ?? []).map((u) => JSON.stringify(u))) },
    networks: Object.keys(c.NetworkSettings.Networks).toSorted(),
  };
}
function differences(have, want, at = "") {
  const empty = (v) => v === undefined || v === null || (Array.isArray(v) && v.length === 0); // all one to an engine
  if (isDeepStrictEqual(have, want) || (empty(have) && empty(want))) return [];
  if (have && want && typeof have === "object" && typeof want === "object")
    return [...new Set([...Object.keys(have), ...Object.keys(want)])].flatMap((k) => differences(have[k], want[k], `${at}.${k}`));
  return [{ at, ours: have, theirs: want }];
}

// The registry of either line: its entries, all of them gone, nobody's use for an hour.
const shardDir = path.join(process.env.OPENCLAW_STATE_DIR, "sandbox", "containers");
const shardFiles = () => (fs.existsSync(shardDir) ? fs.readdirSync(shardDir) : []).map((f) => path.join(shardDir, f));
async function shards() {
  const cold = (o) => ({ ...o, lastUsedAtMs: o.lastUsedAtMs - 3600000 });
  return {
    entries: () => shardFiles().map((f) => JSON.parse(fs.readFileSync(f, "utf8"))),
    clear: () => shardFiles().forEach((f) => fs.unlinkSync(f)),
    cool: () => shardFiles().forEach((f) => fs.writeFileSync(f, `${JSON.stringify(cold(JSON.parse(fs.readFileSync(f, "utf8"))), null, 2)}\n`)),
  };
}
async function database() {
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(path.join(process.env.OPENCLAW_STATE_DIR, "state", "openclaw.sqlite"), { timeout: 10000 });
  return {
    entries: () => db.prepare("SELECT entry_json FROM sandbox_registry_entries ORDER BY container_name").all().map((row) => JSON.parse(row.entry_json)),
    clear: () => db.exec("DELETE FROM sandbox_registry_entries"),
    cool: () => db.exec(`UPDATE sandbox_registry_entries SET last_used_at_ms = last_used_at_ms - 3600000,
      entry_json = json_set(entry_json, '$.lastUsedAtMs', last_used_at_ms - 3600000)`),
  };
}

async function randomRounds(program, spec, seed, rounds) {
  const dir = path.dirname(spec);
  const next = generator(seed, dir);
  const keys = ["agent:a:main", "agent:b:main"];
  let refused = 0;
  const ours = (...args) => spawnSync(program, [...args, spec], { encoding: "utf8" });
  const registry = await (newer ? database() : shards());
  // What is recorded, but for when.
  const entries = () => registry.entries().map((o) => ({ ...o, createdAtMs: 0, lastUsedAtMs: 0 }));
  const clear = () => {
    const all = containers();
    if (all.length) dockerRun("rm", "-f", ...all);
    registry.clear();
    fs.rmSync(process.env.RECONCLAW_STATE_DIR, { recursive: true, force: true });
  };
  for (let round = 0; round < Number(rounds); round++) {
    const wanted = next();
    const bad = (what, more) => {
      process.stdout.write(`round ${round}: ${what}\n${JSON.stringify(more, null, 1)}\n${JSON.stringify(wanted, null, 1)}\n`);
      return false;
    };
    fs.writeFileSync(path.join(process.env.OPENCLAW_STATE_DIR, "openclaw.json"), JSON.stringify(wanted));
    clear();
    const cfg = config();
    const turns = [];
    for (const key of keys) turns.push(await use(cfg, key));
    const failed = turns.filter((t) => t.error);
    if (failed.length > 0) {
      // What OpenClaw or its engine refuses, is refused here too: by agent, since the other one's may be fine.
      refused++;
      print({ round, refused: failed.map((t) => t.error) });
      clear();
      // 2026.9 refuses the second of two agents that share a sandbox and mount differently; which one is second, nobody wrote down.
      if (failed.some((t) => t.error.startsWith("Sandbox mounts changed"))) continue;
      const r = ours("apply", "--yes");
      if (r.status === 0) return bad("refused by OpenClaw, not by us", { failed, stdout: r.stdout, stderr: r.stderr });
      continue;
    }
    const theirs = inspect();
    const recorded = entries();
    const plan = ours("plan", "-o", "json");
    if (plan.status !== 0 || JSON.parse(plan.stdout).plan.acts.length > 0) return bad("not adopted by us", [plan.stdout, plan.stderr]);

    clear();
    const apply = ours("apply", "--yes");
    if (apply.status !== 0) return bad("not made by us", [apply.stdout, apply.stderr]);
    const diff = differences(inspect().map(made), theirs.map(made));
    if (diff.length > 0) return bad("made differently", diff);
    if (!isDeepStrictEqual(entries(), recorded)) return bad("recorded differently", { ours: entries(), theirs: recorded });
    // Not used for an hour: whatever OpenClaw does not like, it makes anew.
    registry.cool();
    const before = containers().toSorted();
    for (const before of turns) {
      const t = await use(cfg, before.sessionKey);
      // Agents that share a sandbox and want it different are told so, whoever made it.
      const told = ({ said }) => said.filter((line) => line.startsWith("Sandbox "));
      if (t.error || !isDeepStrictEqual(told(t), told(before))) return bad("not taken by OpenClaw", { ...t, before: before.said });
    }
    if (!isDeepStrictEqual(containers().toSorted(), before)) return bad("made anew by OpenClaw", before);
  }
  clear();
  print({ rounds: Number(rounds), refused });
  return refused < Number(rounds);
}

// --- main ------------------------------------------------------------------------------------------------------------------

const modes = {
  cli,
  async use(...keys) {
    const cfg = config();
    for (const key of keys) print(await use(cfg, key));
  },
  loop: (seconds, ...keys) => loop(seconds, keys),
  explain: explainAll,
  random: randomRounds,
};
// The exit status of one of them.
async function run(mode, ...args) {
  said = mode === "cli" ? null : [];
  return (await modes[mode](...args)) === false ? 1 : 0;
}

async function serve(out) {
  const { exit } = process, write = process.stdout.write.bind(process.stdout);
  for await (const line of createInterface({ input: process.stdin })) {
    const file = fs.openSync(out, "w");
    let status;
    process.stdout.write = (s) => { fs.writeSync(file, s); return true; };
    process.exitCode = 0;
    // Where a command ends its process, this one goes on.
    process.exit = (code) => { throw Object.assign(new Error(`exit ${code ?? 0}`), { code: code ?? 0 }); };
    try {
      status = (await run(...JSON.parse(line))) || process.exitCode;
    } catch (e) {
      status = Number.isInteger(e.code) ? e.code : 1;
      process.stderr.write(`${e.stack}\n`);
    }
    Object.assign(process, { exit, exitCode: 0 });
    process.stdout.write = write;
    fs.closeSync(file);
    write(`${status}\n`);
  }
  return 0;
}

const [, , mode, ...args] = process.argv;
process.exit(mode === "serve" ? await serve(...args) : await run(mode, ...args));
