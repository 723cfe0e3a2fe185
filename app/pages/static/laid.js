// Values that the stream brought, laid over those in the tiles by feature id.

/** Features laid in one frame: more would be seen as a stutter. What is left comes with the next frames. */
const A_FRAME = 500;
/** Features of a source that may carry values of their own; above it the tiles are loaded anew, which is cheaper. */
const MOST = 20_000;

/** Owns the values laid over `map`'s tiles. `onFull(source)` is called where a source is better loaded anew. */
export class Laid {
  constructor(map, onFull) {
    Object.assign(this, { map, onFull, waiting: new Map(), carrying: new Map(), frame: null });
  }

  /** Queue the state of a feature; the last one of each counts. */
  lay(source, id, state) {
    this.waiting.set(`${source}/${id}`, [source, id, state]);
    this.frame ??= requestAnimationFrame(() => this.#work());
  }

  /** Forget what was laid over a source, or over all: the tiles will say it. */
  clear(sources) {
    for (const source of sources) {
      this.map.removeFeatureState({ source, sourceLayer: source });
      this.carrying.delete(source);
    }
    for (const [key, [source]] of this.waiting) if (sources.includes(source)) this.waiting.delete(key);
  }

  #work() {
    this.frame = null;
    let left = A_FRAME;
    for (const [key, [source, id, state]] of this.waiting) {
      if (!left--) break;
      this.waiting.delete(key);
      this.map.setFeatureState({ source, sourceLayer: source, id }, state);
      this.#count(source, id);
    }
    const { dataset } = this.map.getContainer();
    dataset.laid = String(Number(dataset.laid ?? 0) + 1);
    if (this.waiting.size) this.frame = requestAnimationFrame(() => this.#work());
  }

  #count(source, id) {
    if (!this.carrying.has(source)) this.carrying.set(source, new Set());
    const ids = this.carrying.get(source).add(id);
    if (ids.size <= MOST) return;
    ids.clear();
    this.onFull(source);
  }
}
