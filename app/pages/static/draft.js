// A day's plan while people change it: what stands, what was moved, what is to be sent. Knows neither page nor network.

/** Owns the order of the stops. `plan` is an answer of /v1/plan and stays as it came. */
export class Draft {
  constructor(plan) {
    this.plan = plan;
    this.stops = new Map([...plan.routes.flatMap((route) => route.stops), ...plan.left].map((stop) => [stop.stop, stop]));
    this.undo();
  }

  /** The order as it was answered. */
  undo() {
    this.order = new Map(this.plan.routes.map((route) => [route.enumerator, route.stops.map((stop) => stop.stop)]));
  }

  /** The order as `routes` of a plan sent say it; people and stops that are gone are left out. */
  apply(routes) {
    const given = new Map(routes.map((route) => [route.enumerator, route.stops]));
    const taken = new Set();
    for (const name of this.order.keys()) {
      const stops = (given.get(name) ?? []).filter((id) => this.stops.has(id) && !taken.has(id));
      stops.forEach((id) => taken.add(id));
      this.order.set(name, stops);
    }
  }

  /** Routes as /v1/plan takes them. */
  get routes() {
    return [...this.order].map(([enumerator, stops]) => ({ enumerator, stops }));
  }

  /** Stops of one enumerator in walking order. */
  of(enumerator) {
    return this.order.get(enumerator).map((id) => this.stops.get(id));
  }

  /** Stops that nobody goes to: those taken out by hand first, then the others as they were answered. */
  get left() {
    const taken = new Set([...this.order.values()].flat());
    return [...this.stops.values()].filter(({ stop }) => !taken.has(stop));
  }

  /** Whether the order of one enumerator is no longer what was answered: then its times are not known. */
  moved(enumerator) {
    const { stops } = this.plan.routes.find((route) => route.enumerator === enumerator);
    return stops.map((stop) => stop.stop).join(" ") !== this.order.get(enumerator).join(" ");
  }

  get changed() {
    return [...this.order.keys()].some((name) => this.moved(name));
  }

  /** Who goes to a stop, null for nobody, and its place in the order, from 0. */
  where(id) {
    for (const [enumerator, stops] of this.order) {
      if (stops.includes(id)) return { enumerator, at: stops.indexOf(id) };
    }
    return { enumerator: null, at: -1 };
  }

  /** Move a stop up (-1) or down (1). */
  move(id, by) {
    const { enumerator, at } = this.where(id);
    const stops = this.order.get(enumerator);
    if (!stops?.[at + by]) return;
    [stops[at], stops[at + by]] = [stops[at + by], stops[at]];
  }

  /** Give a stop to somebody, where it makes the way longer by least; to nobody (null) takes it out. */
  give(id, enumerator) {
    const before = this.where(id);
    if (before.enumerator) this.order.get(before.enumerator).splice(before.at, 1);
    if (enumerator !== null) this.order.get(enumerator).splice(this.#place(id, enumerator), 0, id);
  }

  #place(id, enumerator) {
    const { start } = this.plan.routes.find((route) => route.enumerator === enumerator);
    const stop = this.stops.get(id);
    const on = this.of(enumerator);
    let best = { at: on.length, more: Infinity };
    for (let at = 0; at <= on.length; at += 1) {
      const [before, after] = [at ? on[at - 1] : start, on[at]];
      const more = far(before, stop) + far(stop, after) - far(before, after);
      if (more <= best.more) best = { at, more };
    }
    return best.at;
  }
}

/** How far two points lie apart, in degrees of latitude: near enough to compare. Nothing where one is not known. */
function far(a, b) {
  if (!a || !b || a.lon === null || b.lon === null) return 0;
  return Math.hypot((a.lon - b.lon) * Math.cos((a.lat * Math.PI) / 180), a.lat - b.lat);
}
