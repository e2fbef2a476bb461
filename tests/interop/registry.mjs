// OpenClaw's own registry functions, found in its dist by name, as the other party of tests/interop/registry*.bats.
//   registry.mjs hammer SECONDS NAME...        updates these names in turn; prints {NAME: its last runtimeLabel}
//   registry.mjs count DIR FILE TIMES          adds one to the number in FILE under its lock
//   registry.mjs hold DIR FILE                 takes the lock, says "held", keeps it until killed
//   registry.mjs rounds TOOL SEED ROUNDS       random operations by both, each in a directory of its own: equal files
//   registry.mjs rows TOOL SEED ROUNDS         the same of 2026.9's database: equal rows
// In the environment: OPENCLAW_STATE_DIR, and FN_<name>="file<TAB>export" for each function (openclaw_dist).
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

async function load(name) {
  const [file, letter] = process.env[`FN_${name}`].split("\t");
  return (await import(file))[letter];
}

const [, , mode, ...args] = process.argv;

// mulberry32: the seed makes the whole run.
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

async function hammer(seconds, names) {
  const update = await load("updateRegistry");
  const until = Date.now() + Number(seconds) * 1000;
  const last = {};
  for (let i = 0; Date.now() < until; i++) {
    const containerName = names[i % names.length];
    const runtimeLabel = `theirs-${i}`;
    await update({ containerName, runtimeLabel, sessionKey: "agent:theirs", createdAtMs: 888, lastUsedAtMs: Date.now(), image: "theirs" });
    last[containerName] = runtimeLabel;
    // Of 2026.9: what was written is there, though others write all the time.
    if (process.env.FN_readRegistry && i % 16 === 0) {
      const { entries } = await (await load("readRegistry"))();
      for (const [name, label] of Object.entries(last))
        if (!entries.some((o) => o.containerName === name && o.runtimeLabel === label)) throw new Error(`${name}: ${label} is not there`);
    }
  }
  console.log(JSON.stringify(last));
}

async function withLock(dir, file, fn) {
  const acquire = await load("acquireSessionWriteLock");
  const lock = await acquire({ sessionFile: path.join(dir, file), allowReentrant: false, timeoutMs: 60000 });
  try {
    return await fn();
  } finally {
    await lock.release();
  }
}

async function count(dir, file, times) {
  const full = path.join(dir, file);
  for (let i = 0; i < Number(times); i++)
    await withLock(dir, file, async () => {
      const next = String(Number(fs.readFileSync(full, "utf8")) + 1);
      fs.writeFileSync(`${full}.new`, next);
      await new Promise((done) => setImmediate(done));
      fs.renameSync(`${full}.new`, full);
    });
}

async function hold(dir, file) {
  await withLock(dir, file, () => {
    fs.writeSync(1, "held\n");
    setInterval(() => {}, 1000);
    return new Promise(() => {});
  });
}

// --- random rounds ------------------------------------------------------------------------------------------------------------

function makeRounds(rnd) {
  const pick = (list) => list[Math.floor(rnd() * list.length)];
  const texts = ["", "a", " b ", "img:1", "é", "日本", "😀", "\ud800", "x\ny", '"', "\\", "\u0000", "\u007f", "\u2028", "ssh", "docker", "0", "__proto__"];
  const numbers = [0, 1, -1, 1.5, 1e21, 1e-7, 1700000000000, 9007199254740993, 5e-324, 123456789012345680000, -0.5];
  const names = ["c1", "c2", "openclaw-sbx-agent-main-f331f052", "ünï", "\ud83d", " ", "é"];
  const value = (depth) => {
    const r = rnd();
    if (r < 0.4) return pick(texts);
    if (r < 0.7) return pick(numbers);
    if (r < 0.8) return null;
    if (r < 0.88) return rnd() < 0.5;
    if (depth > 2) return [];
    if (r < 0.94) return Array.from({ length: Math.floor(rnd() * 3) }, () => value(depth + 1));
    const o = {};
    for (let i = Math.floor(rnd() * 4); i > 0; i--) o[pick(["10", "2", "b", "a", "constructor", "é", "01", "-1", "4294967295", "4294967294"])] = value(depth + 1);
    return o;
  };
  const keys = ["backendId", "runtimeLabel", "sessionKey", "createdAtMs", "lastUsedAtMs", "image", "configLabelKind", "configHash", "extra", "7"];
  const shuffled = () => {
    const list = keys.filter(() => rnd() < 0.7);
    for (let i = list.length - 1; i > 0; i--) {
      const k = Math.floor(rnd() * (i + 1));
      [list[i], list[k]] = [list[k], list[i]];
    }
    return list;
  };
  const container = () => {
    const o = {};
    const list = shuffled();
    const at = Math.floor(rnd() * (list.length + 1));
    list.splice(at, 0, "containerName");
    for (const key of list) o[key] = key === "containerName" ? pick(names) : value(0);
    return o;
  };
  // In the order in which OpenClaw's browser gives them; what it does not know is undefined, not missing.
  const browser = () => ({
    containerName: pick(names),
    sessionKey: pick(texts),
    createdAtMs: pick(numbers),
    lastUsedAtMs: pick(numbers),
    image: pick(texts),
    configHash: rnd() < 0.5 ? pick(texts) : undefined,
    cdpPort: pick([1, 49153, 65535]),
    noVncPort: rnd() < 0.5 ? 6080 : undefined,
  });
  const raw = () => {
    const r = rnd();
    if (r < 0.1) return "{bad";
    if (r < 0.15) return "";
    if (r < 0.2) return "[]";
    if (r < 0.25) return "\ufeff{}";
    return JSON.stringify(container(), null, rnd() < 0.5 ? 2 : 0);
  };
  const monolith = () => {
    const r = rnd();
    if (r < 0.1) return raw();
    if (r < 0.2) return '{"entries":[]}';
    const entries = Array.from({ length: 1 + Math.floor(rnd() * 4) }, container);
    if (rnd() < 0.15) entries.push({ x: 1 });
    return JSON.stringify({ entries, other: 1 }, null, rnd() < 0.5 ? 2 : 0);
  };
  return { pick, names, container, browser, raw, monolith };
}

function snapshot(dir) {
  const out = {};
  const walk = (at) => {
    for (const name of fs.existsSync(path.join(dir, at)) ? fs.readdirSync(path.join(dir, at)).sort() : []) {
      const rel = path.join(at, name);
      const st = fs.statSync(path.join(dir, rel));
      if (st.isDirectory()) walk(rel);
      else out[rel] = [(st.mode & 0o777).toString(8), fs.readFileSync(path.join(dir, rel)).toString("latin1")];
    }
  };
  walk("sandbox");
  return out;
}

async function rounds(tool, seed, n) {
  const fns = {
    u: await load("updateRegistry"),
    bu: await load("updateBrowserRegistry"),
    r: await load("removeRegistryEntry"),
    br: await load("removeBrowserRegistryEntry"),
  };
  const migrate = await load("migrateLegacySandboxRegistryFiles");
  const theirs = process.env.OPENCLAW_STATE_DIR;
  const ours = `${theirs}-ours`;
  const rnd = random(Number(seed));
  const g = makeRounds(rnd);
  const now = Date.now;
  for (let round = 0; round < Number(n); round++) {
    for (const dir of [theirs, ours]) fs.rmSync(path.join(dir, "sandbox"), { recursive: true, force: true });
    const pre = {};
    const crypto = await import("node:crypto");
    for (const kind of ["containers", "browsers"]) {
      for (const name of g.names)
        if (rnd() < 0.15) pre[`${kind}/${crypto.createHash("sha256").update(name).digest("hex")}.json`] = g.raw();
      if (rnd() < 0.4) pre[`${kind}.json`] = g.monolith();
    }
    for (const dir of [theirs, ours])
      for (const [file, text] of Object.entries(pre)) {
        fs.mkdirSync(path.dirname(path.join(dir, "sandbox", file)), { recursive: true });
        fs.writeFileSync(path.join(dir, "sandbox", file), text);
      }
    const ops = [];
    for (let i = Math.floor(rnd() * 6); i >= 0; i--) {
      const r = rnd();
      if (r < 0.45) ops.push({ op: "u", entry: g.container() });
      else if (r < 0.65) ops.push({ op: "bu", entry: g.browser() });
      else if (r < 0.75) ops.push({ op: "r", name: g.pick(["c1", "c2", "é"]) });
      else if (r < 0.8) ops.push({ op: "br", name: g.pick(["c1", "c2"]) });
      else ops.push({ op: "mig", now: 1700000000000 + ops.length });
    }
    for (const o of ops) {
      if (o.op === "mig") {
        Date.now = () => o.now;
        await migrate();
        Date.now = now;
      } else {
        await fns[o.op](o.entry ?? o.name);
      }
    }
    const input = ops.map((o) => JSON.stringify(o)).join("\n") + "\n";
    const run = spawnSync(tool, ["ops", ours], { input, encoding: "utf8" });
    const [want, got] = [snapshot(theirs), snapshot(ours)];
    if (run.status !== 0 || JSON.stringify(want) !== JSON.stringify(got)) {
      console.log(`seed ${seed} round ${round}: ${run.stderr}`);
      console.log(input);
      console.log("before", JSON.stringify(pre, null, 1));
      for (const file of new Set([...Object.keys(want), ...Object.keys(got)]))
        if (JSON.stringify(want[file]) !== JSON.stringify(got[file])) console.log(file, "\ntheirs", want[file], "\nours  ", got[file]);
      process.exit(1);
    }
  }
  console.log(`${n} rounds equal`);
}

// --- rows of SQLite -----------------------------------------------------------------------------------------------------------

async function rows(tool, seed, n) {
  const fns = {
    u: await load("updateRegistry"),
    bu: await load("updateBrowserRegistry"),
    r: await load("removeRegistryEntry"),
    br: await load("removeBrowserRegistryEntry"),
  };
  const { DatabaseSync } = await import("node:sqlite");
  const open = (dir) => new DatabaseSync(path.join(dir, "state", "openclaw.sqlite"), { timeout: 10000 });
  const ours = `${process.env.OPENCLAW_STATE_DIR}-ours`;
  const [theirDb, ourDb] = [open(process.env.OPENCLAW_STATE_DIR), open(ours)];
  const rnd = random(Number(seed));
  const g = makeRounds(rnd);
  const maybe = (o, share) => Object.fromEntries(Object.entries(o).filter(() => rnd() < share));
  const text = () => g.pick(["__proto__", "\ud800", "", "a", " b ", "img:1", "é", "日本", "😀", "x\ny", '"', "\\", "\u007f", "\u2028", "docker", "0"]);
  const time = () => (rnd() < 0.02 ? g.pick([null, 1.5, -0.5]) : g.pick([0, 1, -1, 1700000000000, 9007199254740991]));
  const name = () => g.pick(["c1", "c2", "openclaw-sbx-workspace-5539703e866675c78da5d134b9eb62f6", "ünï", " ", "é"]);
  const container = () => ({
    containerName: name(), ...maybe({ backendId: text(), backendTarget: { key: text(), globalArgs: [text()] }, runtimeLabel: text() }, 0.5),
    sessionKey: text(), ...maybe({ workspaceDir: text() }, 0.5), createdAtMs: time(), lastUsedAtMs: time(), image: text(),
    ...maybe({ configLabelKind: text(), configHash: text(), runtimeState: g.pick(["pending", "ready", "removing"]), more: { z: [1, 2.5, null], 10: 1, 2: 1 } }, 0.5),
  });
  // What OpenClaw's browser does not know is undefined, not missing.
  const browser = () => ({
    containerName: name(), workspaceDir: text(), sessionKey: text(), createdAtMs: time(), lastUsedAtMs: time(), image: text(),
    configHash: rnd() < 0.5 ? text() : undefined, cdpPort: g.pick([1, 49153, 65535, 0]), noVncPort: rnd() < 0.5 ? 6080 : undefined,
  });
  const dump = (db) => db.prepare("SELECT * FROM sandbox_registry_entries ORDER BY registry_kind, container_name").all().map(({ updated_at, ...row }) => row);
  let failed = 0;
  for (let round = 0; round < Number(n); round++) {
    const ops = [];
    for (let i = Math.floor(rnd() * 8); i >= 0; i--) {
      const r = rnd();
      if (r < 0.5) ops.push({ op: "u", entry: container() });
      else if (r < 0.75) ops.push({ op: "bu", entry: browser() });
      else ops.push({ op: r < 0.9 ? "r" : "br", name: g.pick(["c1", "c2", "é"]) });
    }
    const before = dump(theirDb);
    const want = [];
    for (const o of ops)
      want.push(await fns[o.op](o.entry ?? o.name).then(() => "ok", (e) => `failed: ${e.message}`));
    const run = spawnSync(tool, ["sqlite", "ops", ours], { input: `${ops.map((o) => JSON.stringify(o)).join("\n")}\n`, encoding: "utf8" });
    const word = (s) => s.split(":")[0];
    const same = run.status === 0 && run.stdout.trimEnd().split("\n").map(word).join() === want.map(word).join();
    failed += want.filter((s) => s !== "ok").length;
    if (!same || JSON.stringify(dump(theirDb)) !== JSON.stringify(dump(ourDb))) {
      console.log(`seed ${seed} round ${round}: ${run.stderr}\n${ops.map((o, i) => `${JSON.stringify(o)} theirs ${want[i]}`).join("\n")}\nours ${run.stdout}`);
      const only = (x, y) => x.filter((row) => !y.some((r) => JSON.stringify(r) === JSON.stringify(row)));
      const [t, u] = [dump(theirDb), dump(ourDb)];
      const names = [...only(t, u), ...only(u, t)].map((row) => row.container_name);
      console.log("before", before.filter((row) => names.includes(row.container_name)), "theirs", only(t, u), "ours", only(u, t));
      process.exit(1);
    }
  }
  console.log(`${n} rounds equal, ${failed} refused by both`);
}

await { hammer: () => hammer(args[0], args.slice(1)), count: () => count(...args), hold: () => hold(...args), rounds: () => rounds(...args), rows: () => rows(...args) }[mode]();
process.exit(0);
