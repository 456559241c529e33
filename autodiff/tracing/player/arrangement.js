/**
 * Where everything is in a view, some of whose folded boxes are open: an open one is a frame in the box's place. It pushes
 * to the right what is to the right of it, and down what is below, in its own frame, which then does so in turn.
 */
class Arrangement {
  constructor(drawing, view, opened) {
    this.drawing = drawing;
    this.curves = view.curves;
    [this.width, this.height] = view.size;
    this.boxes = view.boxes.map((row) => placed(row, 0, 0));
    this.frames = view.frames.map(([module, x, y, width, height, name]) => ({ module, x, y, width, height, name }));
    for (const box of this.boxes) box.from = [box.x, box.y]; // where curves know it
    const insides = new Map(drawing.insides.map(([module, ...inside]) => [module, inside]));
    for (const module of [...opened].sort((a, b) => a - b)) { // those that others are in come first
      const at = this.boxes.findIndex((box) => box.module === module);
      if (at >= 0 && insides.has(module)) this.open(at, insides.get(module));
    }
    for (const box of this.boxes) {
      box.canOpen = insides.has(box.module);
      box.members = box.module === undefined ? box.nodes : this.nodesOf(box.module);
    }
  }

  open(at, [width, height, name, rows]) {
    const box = this.boxes[at];
    const [wider, higher] = [Math.max(0, width - box.width), Math.max(0, height - box.height)];
    for (let thing = box; thing; thing = this.around(thing)) this.enlarge(thing, wider, higher);
    this.width += wider;
    this.height += higher;
    const { x, y, module } = box;
    this.frames.push({ module, x, y, width: box.width, height: box.height, name, isOpen: true });
    this.boxes.splice(at, 1, ...rows.map((row) => placed(row, x, y)));
  }

  /** The frame that a box or a frame stands in. */
  around({ module, nodes }) {
    const { modules } = this.drawing;
    let own = module === undefined ? this.drawing.module[nodes[0]] : modules[module][1];
    for (; own >= 0; own = modules[own][1]) {
      const found = this.frames.find((frame) => frame.module === own);
      if (found) return found;
    }
    return null;
  }

  /** Make something larger, and push away what stands in the same frame, and would then be on top of it. */
  enlarge(thing, wider, higher) {
    const frame = this.around(thing);
    const beside = [...this.frames, ...this.boxes].filter((each) => each !== thing && this.around(each) === frame);
    const [right, bottom] = [thing.x + thing.width, thing.y + thing.height];
    thing.width += wider;
    thing.height += higher;
    for (const each of beside) if (each.x >= right - SLACK) this.move(each, wider, 0);
    const pushed = [thing];
    const below = beside.filter((each) => each.y >= bottom - SLACK).sort((a, b) => a.y - b.y);
    for (const each of below) {
      const isBelow = (other) => each.x < other.x + other.width + SLACK && other.x < each.x + each.width + SLACK;
      if (pushed.some(isBelow)) pushed.push(each);
    }
    for (const each of pushed.slice(1)) this.move(each, 0, higher);
  }

  /** Move a box; or a frame, with all that is in it. */
  move(thing, right, down) {
    const within = thing.nodes ? [] : [...this.frames, ...this.boxes].filter((each) => this.around(each) === thing);
    thing.x += right;
    thing.y += down;
    for (const each of within) this.move(each, right, down);
  }

  /** The nodes of a module, and of those in it. */
  nodesOf(wanted) {
    const { modules, module } = this.drawing;
    const isIn = modules.map(() => false); // modules come after those that they are in
    modules.forEach(([, around], at) => (isIn[at] = at === wanted || Boolean(isIn[around])));
    return module.flatMap((own, place) => (isIn[own] ? [place] : []));
  }

  /**
   * The arrows between the boxes, with their edges: one for each edge, or for all between two boxes of which one is
   * folded, or stands for several constants.
   */
  arrows(nodes) {
    const boxAt = new Map(this.boxes.flatMap((box) => box.members.map((place) => [place, box])));
    const at = new Map(this.boxes.map((box, number) => [box, number]));
    const found = new Map();
    const routes = new Routes(this.boxes);
    for (const { place, operands } of nodes) {
      const head = boxAt.get(place);
      if (!head) continue;
      operands.forEach((operand, position) => {
        const tail = boxAt.get(operand);
        const folded = [tail?.kind, head.kind].includes("folded");
        if (!tail || (tail === head && folded)) return;
        const edge = `${place}_${position}`;
        const key = folded || tail.members.length > 1 ? `${at.get(tail)} ${at.get(head)}` : edge;
        if (found.has(key)) found.get(key).edges.push(edge);
        else found.set(key, { tail, head, folded, edges: [edge] });
      });
    }
    return [...found.values()].map((arrow) => ({ ...arrow, ...this.curve(arrow, routes) }));
  }

  /** The way of an arrow: the curve that was laid out, which follows its ends where these were moved; else a route. */
  curve({ tail, head, edges }, routes) {
    const [flat, label] = this.curves[edges[0]] ?? [];
    if (!flat || !tail.from || !head.from) return { points: routes.curve(tail, head) };
    const [start, end] = [tail, head].map((box) => [box.x - box.from[0], box.y - box.from[1]]);
    const moved = (x, y, part) => [x + start[0] + part * (end[0] - start[0]), y + start[1] + part * (end[1] - start[1])];
    const last = flat.length / 2 - 2; // the base of the arrowhead, before its tip
    const points = Array.from({ length: last + 2 }, (_, at) => moved(flat[2 * at], flat[2 * at + 1], Math.min(1, at / last)));
    return { points: points.slice(0, -1), tip: points.at(-1), label: label.length ? moved(...label, 0.5) : null };
  }
}

/** A box of its row in the page's data, seen from a corner. */
function placed([kind, name, sign, x, y, width, height, nodes, module], left, top) {
  return {
    kind: ["variable", "constant", "result", "folded"][kind], name, sign, x: left + x, y: top + y, width, height, nodes, module,
  };
}

const SLACK = 0.5; // places are rounded
const [BULGE, CLEARANCE, MOST_ROUTED] = [40, 3, 1000];

/** The ways of arrows between boxes: straight, or through gaps. As `autodiff.drawing.routes`, which says how. */
class Routes {
  constructor(boxes) {
    const order = (a, b) => a.x - b.x || a.y - b.y;
    this.sorted = boxes.length <= MOST_ROUTED ? [...boxes].sort(order) : [];
    this.widest = Math.max(0, ...this.sorted.map((box) => box.width));
  }

  curve(tail, head) {
    const [x, endX] = [tail.x + tail.width, head.x];
    const [start, end] = [[x, tail.y + tail.height / 2], [endX, head.y + head.height / 2]];
    const reach = (boxes) => Math.max(...boxes.map((box) => box.x + box.width));
    const from = (boxes) => Math.min(...boxes.map((box) => box.x));
    if (x >= endX) {
      const right = reach([tail, ...this.within(tail.x, x)]);
      const far = from([head, ...this.within(endX, endX + head.width)]);
      const level = free((start[1] + end[1]) / 2, this.within(far, right));
      return [
        start, ...straight(start, [right, start[1]]), [right + BULGE, start[1]], [right + BULGE, level], [right, level],
        ...straight([right, level], [far, level]), [far - BULGE, level], [far - BULGE, end[1]], [far, end[1]],
        ...straight([far, end[1]], end),
      ];
    }
    const around = this.within(x, endX).filter((box) => box !== tail && box !== head);
    if (!around.some((box) => hits(start, end, box))) return [start, ...straight(start, end)];
    const out = [reach([{ x, width: 0 }, ...around.filter((box) => box.x <= x)]), start[1]];
    const into = [from([{ x: endX }, ...around.filter((box) => box.x + box.width >= endX)]), end[1]];
    const points = [start, ...straight(start, out)];
    const between = around.filter((box) => box.x > x && box.x + box.width < endX);
    if (!between.some((box) => hits(out, into, box))) return [...points, ...straight(out, into), ...straight(into, end)];
    for (const column of columnsOf(between)) {
      const level = free(points.at(-1)[1], column);
      const first = [from(column), level];
      points.push(...bend(points.at(-1), first), ...straight(first, [reach(column), level]));
    }
    return [...points, ...bend(points.at(-1), into), ...straight(into, end)];
  }

  within(left, right) {
    const found = [];
    for (let at = this.first(left - this.widest); at < this.sorted.length && this.sorted[at].x < right; at += 1) {
      if (this.sorted[at].x + this.sorted[at].width > left) found.push(this.sorted[at]);
    }
    return found;
  }

  /** The first box that begins there, or after it. */
  first(x) {
    let [low, high] = [0, this.sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.sorted[middle].x < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function columnsOf(boxes) {
  const columns = [];
  let end = -Infinity;
  for (const box of boxes) {
    if (box.x < end) columns.at(-1).push(box);
    else columns.push([box]);
    end = Math.max(end, box.x + box.width);
  }
  return columns;
}

function hits([x, y], [endX, endY], box) {
  if (endX <= x) return false;
  const rise = (endY - y) / (endX - x);
  const at = (across) => y + rise * (across - x);
  const ys = [at(Math.max(box.x, x)), at(Math.min(box.x + box.width, endX))];
  return Math.min(...ys) < box.y + box.height + CLEARANCE && Math.max(...ys) > box.y - CLEARANCE;
}

function free(y, boxes) {
  let [found, nearest, from] = [y, Infinity, -Infinity];
  const sides = boxes.map((box) => [box.y, box.y + box.height]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  for (const [top, bottom] of [...sides, [Infinity, Infinity]]) {
    if (top - CLEARANCE >= from) {
      const level = Math.min(Math.max(y, from), top - CLEARANCE);
      if (Math.abs(level - y) < nearest) [found, nearest] = [level, Math.abs(level - y)];
    }
    from = Math.max(from, bottom + CLEARANCE);
  }
  return found;
}

function straight(start, end) {
  const [x, y] = [(end[0] - start[0]) / 3, (end[1] - start[1]) / 3];
  return [[start[0] + x, start[1] + y], [end[0] - x, end[1] - y], end];
}

function bend(start, end) {
  const middle = (start[0] + end[0]) / 2;
  return [[middle, start[1]], [middle, end[1]], end];
}
