// A small network for points of two classes, with its own backward pass, that learns in the page while its boundary moves
const ACTS = {  // the function of the hidden units, and its derivative by the value that it gave
  tanh: [Math.tanh, a => 1 - a*a], ReLU: [z => Math.max(z, 0), a => a > 0 ? 1 : 0], none: [z => z, () => 1],
};
function create(sizes, seed) {  // for each layer the weights, one row for a unit, and the biases
  const normal = normals(uniforms(seed));
  return sizes.slice(1).map((m, l) => ({n: sizes[l], m, w: Float64Array.from({length: m*sizes[l]}, () => normal()/Math.sqrt(sizes[l])), b: new Float64Array(m)}));
}
const actOf = (net, l, act) => ACTS[l === net.length - 1 ? 'tanh' : act];
function forward(net, x, act) {  // the inputs, and what each layer makes of them
  const values = [x];
  net.forEach(({n, m, w, b}, l) => {
    const [f] = actOf(net, l, act), inp = values[l], out = new Float64Array(m);
    for (let j = 0; j < m; j++) {
      let z = b[j];
      for (let i = 0; i < n; i++) z += w[j*n + i]*inp[i];
      out[j] = f(z);
    }
    values.push(out);
  });
  return values;
}
function gradients(net, points, act) {  // of the mean squared error: the last layer first, each hands on to its inputs
  const g = net.map(({w, b}) => ({w: new Float64Array(w.length), b: new Float64Array(b.length)}));
  let loss = 0, right = 0;
  for (const [x1, x2, target] of points) {
    const values = forward(net, [x1, x2], act), off = values.at(-1)[0] - target;
    loss += off*off/points.length;
    right += (values.at(-1)[0] > 0) === (target > 0);
    let back = [2*off/points.length];
    for (let l = net.length - 1; l >= 0; l--) {
      const {n, m, w} = net[l], [, slope] = actOf(net, l, act), inp = values[l], down = new Float64Array(n);
      for (let j = 0; j < m; j++) {
        const d = back[j]*slope(values[l+1][j]);
        g[l].b[j] += d;
        for (let i = 0; i < n; i++) { g[l].w[j*n + i] += d*inp[i]; down[i] += d*w[j*n + i]; }
      }
      back = down;
    }
  }
  return {g, loss, right};
}
function step(net, points, act, lr) {
  const {g, loss} = gradients(net, points, act);
  net.forEach((o, l) => { for (const k of ['w', 'b']) for (let i = 0; i < o[k].length; i++) o[k][i] -= lr*g[l][k][i]; });
  return loss;
}
function zeros(at, xs) {  // a path where a function on the grid is 0, straight through each square of the grid
  const cut = (p, q) => { const [a, b] = [at[p[1]][p[0]], at[q[1]][q[0]]], t = a/(a - b); return (a > 0) === (b > 0) ? [] : [p.map((o, k) => (xs[o] + t*(xs[q[k]] - xs[o])).toFixed(1)).join(',')]; };
  let d = '';
  for (let y = 0; y + 1 < xs.length; y++) for (let x = 0; x + 1 < xs.length; x++) {
    const ring = [[x, y], [x+1, y], [x+1, y+1], [x, y+1]], cuts = ring.flatMap((o, k) => cut(o, ring[(k+1)%4]));
    for (let k = 0; k + 1 < cuts.length; k += 2) d += `M${cuts[k]} L${cuts[k+1]}`;
  }
  return d;
}
function explore(stage, {sets, hidden, steps, seed}) {
  const SIDE = 300, CELLS = 50, RATES = [.01, .02, .05, .1, .2, .5, 1, 2, 5], names = Object.keys(sets), still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const state = {data: names[0], act: 'tanh', layers: hidden.length, units: [hidden[0] || 8, hidden[1] || 4], lr: .5, seed};
  let net, losses, running = false, wide;
  const canvas = el('canvas', {width: CELLS, height: CELLS, 'aria-hidden': 'true', style: 'position: absolute; inset: 0; width: 100%; height: 100%; image-rendering: pixelated'});
  const units = el('g', {stroke: 'currentColor', 'stroke-width': 1, 'stroke-dasharray': '4 4'}), border = el('path', {fill: 'none', stroke: 'currentColor', 'stroke-width': 2}), dots = el('g', {stroke: 'currentColor', 'stroke-width': 1.2});
  const svg = el('svg', {viewBox: `0 0 ${SIDE} ${SIDE}`, width: SIDE, height: SIDE, role: 'img', style: 'position: relative; display: block'}, units, border, dots, el('rect', {x: .5, y: .5, width: SIDE - 1, height: SIDE - 1, fill: 'none', stroke: '#888'}));
  const curve = el('div', {style: 'flex: 0 1 310px'}), said = el('p', {'aria-live': 'polite'});
  const points = () => sets[state.data], sizes = () => [2, ...state.units.slice(0, state.layers), 1];
  const range = () => 1.12*Math.max(...points().flatMap(o => [Math.abs(o[0]), Math.abs(o[1])])), mid = i => (i + .5)*SIDE/CELLS;
  const value = at => 2*range()*(at/SIDE - .5), place = v => SIDE*(v/range() + 1)/2;  // the second coordinate points up, the page down
  let p, line;
  function frame() {  // the plot of the losses, twice as long whenever it is full
    wide = 100;
    while (wide < losses.length) wide *= 2;
    p = plot(310, 200, [0, wide], [-3.5, .6], 'the loss after each step, on a logarithmic axis');
    p.ticks([[0, '0'], [wide/2, `${wide/2}`], [wide*.88, `${wide} steps`]], [[0, '1'], [-1, '0.1'], [-2, '0.01'], [-3, '0.001']]);
    line = p.path({stroke: '#c2570c'});
    curve.replaceChildren(p.svg);
  }
  function mark() {
    dots.replaceChildren(...points().map(([x1, x2, t]) => { const [x, y] = [place(x1), SIDE - place(x2)]; return t > 0 ? el('circle', {cx: x, cy: y, r: 4.5, fill: '#4285f4'}) : el('rect', {x: x - 4, y: y - 4, width: 8, height: 8, fill: '#f28c28'}); }));
  }
  function paint() {
    const c = canvas.getContext('2d'), im = c.createImageData(CELLS, CELLS), at = Array.from({length: CELLS}, (_, y) => Array.from({length: CELLS}, (_, x) => forward(net, [value(mid(x)), -value(mid(y))], state.act).at(-1)[0]));
    at.forEach((row, y) => row.forEach((o, x) => im.data.set([...(o > 0 ? [66, 133, 244] : [242, 140, 40]), 150*Math.min(1, Math.abs(o))], 4*(y*CELLS + x))));
    c.putImageData(im, 0, 0);
    border.setAttribute('d', zeros(at, Array.from({length: CELLS}, (_, i) => mid(i))));
    units.replaceChildren(...(lines.checked && state.layers ? Array.from(net[0].b, (b, j) => {
      const [w1, w2] = net[0].w.subarray(2*j, 2*j + 2), s = w1*w1 + w2*w2, [x, y] = [-b*w1/s, -b*w2/s], far = 3*range()/Math.sqrt(s);
      return el('line', {x1: place(x - far*w2), y1: SIDE - place(y + far*w1), x2: place(x + far*w2), y2: SIDE - place(y - far*w1)});
    }) : []));
    if (losses.length > wide || wide > 100 && losses.length <= wide/2) frame();
    const every = Math.ceil(losses.length/400);
    line.setAttribute('d', losses.length ? p.draw(losses.map((o, i) => [i, Math.log10(Math.max(o, 1e-9))]).filter((o, i) => i%every === 0)) : '');
    tell();
  }
  function tell() {
    const {loss, right} = gradients(net, points(), state.act), n = points().length;
    said.textContent = `After ${losses.length} steps the loss is ${num(loss)}; ${right} of ${n} points are on the right side. ${net.reduce((s, o) => s + o.w.length + o.b.length, 0)} parameters.`;
    svg.setAttribute('aria-label', `${n} points of two classes, circles and squares, and the boundary of the network; ${right} points are on the right side`);
  }
  function walk(n) { for (let i = 0; i < n; i++) losses.push(step(net, points(), state.act, state.lr)); }
  function fresh(n) {  // new weights, and n steps
    net = create(sizes(), state.seed);
    losses = [];
    walk(n);
    frame();
    paint();
  }
  function stop() { running = false; play.textContent = 'Play'; said.setAttribute('aria-live', 'polite'); }
  function run() {
    if (running) { stop(); paint(); return; }
    running = true;
    play.textContent = 'Pause';
    said.setAttribute('aria-live', 'off');  // forty times a second is too often to be read out
    let painted = 0;
    const turn = now => {
      if (!running || !stage.isConnected) return;
      walk(3);
      if (!still || now - painted > 1000) { painted = now; paint(); }  // once a second for readers who asked for less motion
      requestAnimationFrame(turn);
    };
    requestAnimationFrame(turn);
  }
  const changed = (k, v) => { state[k] = v; two.input.disabled = state.layers < 2; one.input.disabled = !state.layers; fresh(running ? 0 : steps); };
  const choice = (name, options, k) => el('label', {}, el('span', {}, name), el('select', {'aria-label': name, onchange: e => { changed(k, e.target.value); mark(); }}, ...options.map(o => el('option', {value: o}, o))));
  const layers = slider('hidden layers', [0, 2, 1], state.layers, String, v => changed('layers', v));
  const one = slider('units in layer 1', [1, 12, 1], state.units[0], String, v => changed('units', [v, state.units[1]]));
  const two = slider('units in layer 2', [1, 12, 1], state.units[1], String, v => changed('units', [state.units[0], v]));
  const rate = slider('learning rate', [0, RATES.length - 1, 1], RATES.indexOf(state.lr), i => String(RATES[i]), i => { state.lr = RATES[i]; });
  for (const o of [layers, one, two, rate]) { o.input.style.height = '24px'; o.row.firstChild.style.minWidth = '7.5em'; o.row.lastChild.style.minWidth = '2.2em'; }
  const lines = el('input', {type: 'checkbox', onchange: () => paint()});
  const button = (name, f) => el('button', {type: 'button', onclick: f}, name), play = button('Play', run), then = f => () => { stop(); f(); };
  stage.append(el('div', {class: 'ff-row'}, el('div', {style: `position: relative; flex: 0 1 ${SIDE}px`}, canvas, svg), curve), said,
    el('p', {}, play, button('1 step', then(() => { walk(1); paint(); })), button('100 steps', then(() => { walk(100); paint(); })), button('Start again', () => fresh(0)), button('Other weights', () => changed('seed', state.seed + 1))),
    el('div', {class: 'ff-row'}, choice('data', names, 'data'), choice('activation', Object.keys(ACTS), 'act')), layers.row, one.row, two.row, rate.row,
    el('label', {}, lines, el('span', {}, 'lines where the sums of layer 1 are 0')));
  two.input.disabled = state.layers < 2;
  one.input.disabled = !state.layers;
  mark();
  fresh(steps);
  return {state, get losses() { return losses; }, get parameters() { return net.flatMap(o => Array.from({length: o.m}, (_, j) => [...o.w.subarray(j*o.n, (j+1)*o.n), o.b[j]]).flat()); },
    output: (x1, x2) => forward(net, [x1, x2], state.act).at(-1)[0], get border() { return border.getAttribute('d'); }, fresh, walk, get running() { return running; }};
}
