// What this device keeps for the pages, in IndexedDB: copies of answers, and writes that wait. Knows neither page nor
// account; where the browser gives no such store (some private windows) nothing is kept, and nothing fails.

/** Bounds of all copies together, in entries and in characters. */
const MOST = 200;
const MOST_CHARACTERS = 6_000_000;

const OWNER = "owner"; // the key of the one record that is no copy: whose copies these are

let opened = null;

function open() {
  opened ??= new Promise((resolve) => {
    try {
      const asked = indexedDB.open("cakupan", 1);
      asked.onupgradeneeded = () => {
        asked.result.createObjectStore("copies", { keyPath: "key" }).createIndex("aged", ["at", "size", "until"]);
        asked.result.createObjectStore("outbox", { keyPath: "place", autoIncrement: true });
      };
      asked.onsuccess = () => {
        const db = asked.result;
        db.onclose = () => { opened = null; }; // the browser erased what is stored: begin anew
        db.onversionchange = () => { db.close(); opened = null; };
        resolve(db);
      };
      asked.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opened;
}

/** What `work(store)` asked for, once it is done for good; undefined where nothing can be kept. Rejects if it failed. */
async function within(name, mode, work) {
  const db = await open();
  if (!db) return undefined;
  return new Promise((resolve, reject) => {
    const whole = db.transaction(name, mode, { durability: name === "outbox" ? "strict" : "default" });
    const asked = work(whole.objectStore(name));
    whole.oncomplete = () => resolve(asked?.result);
    whole.onabort = () => reject(whole.error);
  });
}

// ── copies ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Keep an answer until a time (milliseconds); the oldest give way where there are too many. */
export function keep(key, answer, until) {
  const text = JSON.stringify(answer);
  if (text.length > MOST_CHARACTERS / 4) return undefined;
  const now = Date.now();
  return within("copies", "readwrite", (copies) => {
    copies.put({ key, text, at: now, size: text.length, until });
    let entries = 0;
    let characters = 0;
    copies.index("aged").openKeyCursor(null, "prev").onsuccess = ({ target: { result: one } }) => {
      if (!one) return;
      const [, size, ends] = one.key;
      entries += 1;
      characters += size;
      if (entries > MOST || characters > MOST_CHARACTERS || ends < now) copies.delete(one.primaryKey);
      one.continue();
    };
  });
}

/** The answer kept, and when it was got; null where there is none, or none that may still be shown. */
export async function kept(key) {
  const found = await within("copies", "readonly", (copies) => copies.get(key)).catch(() => null);
  return found && Date.now() < found.until ? { answer: JSON.parse(found.text), at: new Date(found.at) } : null;
}

export const forget = (key) => within("copies", "readwrite", (copies) => copies.delete(key)).catch(() => null);

/** Erase every copy, and what the service worker keeps. Writes that wait are no copies: they stay. */
export async function erase() {
  const stores = globalThis.caches ? await caches.keys().catch(() => []) : [];
  await Promise.all([
    within("copies", "readwrite", (copies) => copies.clear()).catch(() => null),
    ...stores.map((name) => caches.delete(name)),
  ]);
}

/** Erase what was kept for anybody but `owner`; whether there was such. */
export async function own(owner) {
  const before = await within("copies", "readonly", (copies) => copies.get(OWNER)).catch(() => null);
  if (before?.owner === owner) return false;
  await erase();
  await within("copies", "readwrite", (copies) => copies.put({ key: OWNER, owner })).catch(() => null);
  return true;
}

// ── writes that wait ────────────────────────────────────────────────────────────────────────────────────────────────

/** Add a write at the end; its place in the order, undefined where nothing can be kept. */
export const add = (entry) => within("outbox", "readwrite", (outbox) => outbox.add(entry)).catch(() => undefined);

/** Every write that is kept, of every account, in order. */
export const all = async () => (await within("outbox", "readonly", (outbox) => outbox.getAll()).catch(() => null)) ?? [];

export const drop = (place) => within("outbox", "readwrite", (outbox) => outbox.delete(place));

/** Change a write that is still there. */
export const change = (place, parts) =>
  within("outbox", "readwrite", (outbox) => {
    outbox.get(place).onsuccess = ({ target: { result } }) => result && outbox.put({ ...result, ...parts });
  });
