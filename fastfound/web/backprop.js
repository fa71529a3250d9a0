// A graph of operations on numbers: values on the way forward, gradients on the way back
const OPS = {  // the value, and its derivative by each input
  add: [(a, b) => a + b, () => [1, 1]], sub: [(a, b) => a - b, () => [1, -1]], mul: [(a, b) => a*b, (a, b) => [b, a]],
  relu: [a => Math.max(a, 0), a => [a > 0 ? 1 : 0]], square: [a => a*a, a => [2*a]], exp: [Math.exp, a => [Math.exp(a)]],
  sigmoid: [a => 1/(1 + Math.exp(-a)), a => { const s = 1/(1 + Math.exp(-a)); return [s*(1 - s)]; }], tanh: [Math.tanh, a => [1 - Math.tanh(a)**2]],
};
const SIGNS = {add: '+', sub: '−', mul: '×', square: '²'};
function explore(stage, {nodes, low, high}) {  // a node is [name, number] or [name, operation, [inputs]]; the last is the loss
  const names = nodes.map(o => o[0]), at = Object.fromEntries(names.map((o, i) => [o, i])), inner = nodes.filter(o => o.length === 3), N = inner.length;
  const inputs = Object.fromEntries(nodes.filter(o => o.length === 2)), from = o => nodes[at[o]][2] || [];
  let step = 0;
  function forward() {
    const v = {...inputs};
    for (const [name, op, args] of inner) v[name] = OPS[op][0](...args.map(o => v[o]));
    return v;
  }
  function backward(v, upto = N) {  // the gradients after `upto` nodes, from the last one, have passed theirs on; and what went along each edge
    const g = Object.fromEntries(names.map(o => [o, 0])), edges = {};
    g[names.at(-1)] = 1;
    for (const [name, op, args] of inner.slice().reverse().slice(0, upto))
      OPS[op][1](...args.map(o => v[o])).forEach((d, i) => { g[args[i]] += edges[`${name} ${i}`] = d*g[name]; });
    return {g, edges};
  }
  // columns: an operation stands behind its inputs, an input just before its first use
  const col = {};
  for (const [name, , args] of inner) col[name] = 1 + Math.max(...args.map(o => col[o] ?? 0));
  for (const o in inputs) col[o] = Math.min(...inner.filter(p => p[2].includes(o)).map(p => col[p[0]])) - 1;
  const columns = Array.from({length: Math.max(...Object.values(col)) + 1}, (_, c) => names.filter(o => col[o] === c)), tall = Math.max(...columns.map(o => o.length));
  const W = 118, H = 78, width = W*columns.length, height = H*tall + 10, x = {}, y = {};
  columns.forEach((list, c) => {
    const want = o => { const ys = from(o).map(p => y[p]).filter(p => p !== undefined); return ys.length ? ys.reduce((s, p) => s + p)/ys.length : names.indexOf(o); };
    list.sort((p, q) => from(p).length && from(q).length ? want(p) - want(q) : names.indexOf(p) - names.indexOf(q));
    list.forEach((o, i) => { x[o] = W*c + W/2; y[o] = H*(i + .5 + (tall - list.length)/2) + 5; });
  });
  const svg = el('svg', {viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': 'the graph with values and gradients; the sliders and the text below say the same'});
  const part = {}, edge = {};
  for (const [name, , args] of inner) args.forEach((o, i) => {
    const twice = args.indexOf(o) !== args.lastIndexOf(o) ? (i ? 9 : -9) : 0, [x0, y0, x1, y1] = [x[o]+26, y[o], x[name]-26, y[name]+twice];
    const line = el('line', {x1: x0, y1: y0, x2: x1, y2: y1, stroke: '#888', 'stroke-width': 1.5}), f = .45, text = el('text', {x: x0+(x1-x0)*f, y: y0+(y1-y0)*f-4, 'font-size': 12, 'text-anchor': 'middle'});
    svg.append(line, text);
    edge[`${name} ${i}`] = [line, text];
  });
  for (const o of names) {
    const [, op] = nodes[at[o]], input = o in inputs, sign = input ? '' : SIGNS[op] || op;
    const box = el('rect', {x: x[o]-26, y: y[o]-13, width: 52, height: 26, rx: input ? 13 : 5, fill: '#4285f4', 'fill-opacity': .18, stroke: '#888'});
    const value = el('text', {x: x[o], y: y[o]+4.5, 'text-anchor': 'middle', 'font-size': 13}), grad = el('text', {x: x[o], y: y[o]+27, 'text-anchor': 'middle', 'font-size': 12, 'font-weight': 'bold'});
    const g = el('g', input ? {style: 'cursor: ns-resize; touch-action: none'} : {}, box, value, grad, el('text', {x: x[o], y: y[o]-18, 'text-anchor': 'middle', 'font-size': 12}, sign && sign !== o ? `${o} (${sign})` : o));
    if (input) {  // drag up and down
      let held = null;
      g.addEventListener('pointerdown', e => { held = [e.clientY, inputs[o]]; g.setPointerCapture(e.pointerId); });
      g.addEventListener('pointermove', e => { if (held) control[o].set(Math.max(low, Math.min(high, held[1] + (held[0] - e.clientY)*(high - low)/200))); });
      for (const end of ['pointerup', 'pointercancel']) g.addEventListener(end, () => { held = null; });
    }
    svg.append(g);
    part[o] = {value, grad, box};
  }
  const said = el('p', {'aria-live': 'polite'}), control = {};
  function draw() {
    const v = forward(), back = Math.max(0, step - N), {g, edges} = backward(v, back), ready = step >= N;
    names.forEach(o => {
      const i = inner.findIndex(p => p[0] === o), known = i < 0 || i < step;
      part[o].value.textContent = known ? num(v[o]) : '?';
      const whole = ready && (o === names.at(-1) || inner.every(([p, , args], k) => !args.includes(o) || N - k <= back));  // nothing more will be added
      const some = ready && (whole || Object.keys(edges).some(k => from(k.split(' ')[0])[k.split(' ')[1]] === o));
      part[o].grad.textContent = some ? (whole ? '' : '…') + `grad ${num(g[o])}` : '';
      part[o].box.setAttribute('fill-opacity', i >= 0 && (i === step-1 || ready && i === N-back) ? .5 : .18);
    });
    for (const [k, [line, text]] of Object.entries(edge)) {
      text.textContent = k in edges ? num(edges[k]) : '';
      line.setAttribute('stroke', k in edges ? '#c2570c' : '#888');
    }
    const now = ready ? inner[N - back] : inner[step - 1];
    said.textContent = !step ? 'The inputs are known. Press Step to compute the next value.'
      : !back ? `${now ? now[0] : names.at(-1)} = ${num(v[(now || inner.at(-1))[0]])}` + (ready ? '. Its own gradient is 1; now back.' : '')
      : `${inner[N-back][0]} passes its gradient ${num(g[inner[N-back][0]])} on to ${inner[N-back][2].map((o, i) => `${o}: ${num(edges[`${inner[N-back][0]} ${i}`])}`).join(', ')}` + (back === N ? '. Every input has its gradient.' : '');
    forth.disabled = step === 2*N;
    last.disabled = !step;
  }
  const go = s => { step = Math.max(0, Math.min(2*N, s)); draw(); };
  const forth = el('button', {type: 'button', onclick: () => go(step+1)}, 'Step'), last = el('button', {type: 'button', onclick: () => go(step-1)}, 'Back');
  for (const o in inputs) control[o] = slider(o, [low, high, .01], inputs[o], num, v => { inputs[o] = v; draw(); });
  stage.append(svg, said, el('p', {}, forth, last, el('button', {type: 'button', onclick: () => go(2*N)}, 'All'), el('button', {type: 'button', onclick: () => go(0)}, 'Start again')), ...Object.values(control).map(o => o.row));
  draw();
  return {set: (o, v) => { control[o].set(v); }, values: forward, grads: () => backward(forward()).g, go, get step() { return step; }, steps: 2*N};
}
