// Three update rules on one landscape: a valley that is a stretched bowl, or one with a bend
const BENDS = {ellipse: [0, 0], 'curved valley': [.1, -3]};  // the floor of the valley is y = bend·x² + low, and the minimum (0, low)
const loss = ([x, y], stretch, [bend, low]) => (x*x/stretch + (y - bend*x*x - low)**2)/2;
function slope([x, y], stretch, [bend, low]) {
  const r = y - bend*x*x - low;
  return [x/stretch - 2*bend*x*r, r];
}
const RULES = {  // each makes a function from a gradient to the step that is taken
  SGD: ({lr}) => g => g.map(o => lr*o),
  momentum({lr, momentum}) {
    let v = [0, 0];
    return g => { v = g.map((o, k) => momentum*v[k] + o); return v.map(o => lr*o); };
  },
  Adam({adam}) {
    let m = [0, 0], v = [0, 0], t = 0;
    return g => {
      t++;
      m = g.map((o, k) => .9*m[k] + .1*o);
      v = g.map((o, k) => .999*v[k] + .001*o*o);
      return m.map((o, k) => adam/(1 - .9**t)*o/(Math.sqrt(v[k]/(1 - .999**t)) + 1e-8));
    };
  },
};
function walk(rule, start, stretch, bend, rates, steps) {  // ends early far away
  const step = RULES[rule](rates), path = [start];
  for (let i = 0; i < steps && Math.hypot(...path[i]) < 1e6; i++) { const d = step(slope(path[i], stretch, bend)); path.push(path[i].map((o, k) => o - d[k])); }
  return path;
}
function explore(stage, {start, stretch, rates, near, steps, shown}) {
  const X = 8, Y = 5, narrow = matchMedia('(max-width: 560px)').matches, wide = narrow ? 320 : 620, tall = (wide - 52)*Y/X + 32;
  const p = plot(wide, tall, [-X, X], [-Y, Y], 'the landscape with its contour lines and three paths');
  p.svg.setAttribute('role', 'group');  // the start in it can be moved
  p.ticks([[-5, '-5'], [0, '0'], [5, '5']], [[-4, '-4'], [0, '0'], [4, '4']]);
  let bend = 'ellipse', paths = {};
  const start0 = start.slice(), lr0 = rates.lr, contours = el('g', {fill: 'none', stroke: '#888', 'stroke-opacity': .75}), floor = el('path', {fill: 'none', stroke: 'currentColor', 'stroke-width': 2});
  const r = narrow ? 2 : 3;  // half a mark
  const LOOKS = {SGD: ['#c2570c', '', -r, 0, `a${r},${r} 0 1 0 ${2*r},0a${r},${r} 0 1 0 ${-2*r},0z`], momentum: ['#4285f4', '7 4', -r, -r, `h${2*r}v${2*r}h${-2*r}z`], Adam: ['currentColor', '2 4', 0, -r - 1, `l${r + 1},${2*r + 1}h${-2*r - 2}z`]};
  const mark = ([, , dx, dy, d], x, y) => `M${(x + dx).toFixed(1)},${(y + dy).toFixed(1)}${d}`;
  p.layer.append(contours);
  const drawn = Object.fromEntries(Object.entries(LOOKS).map(([o, [color, dash]]) => {
    const line = p.path({stroke: color, 'stroke-dasharray': dash, 'data-rule': o}), marks = el('path', {fill: color, stroke: 'none'});
    p.layer.append(marks);
    return [o, {line, marks, text: el('span')}];
  }));
  p.layer.append(floor);
  const handle = el('g', {tabindex: 0, role: 'application', style: 'cursor: move; touch-action: none'}, el('circle', {r: 14, fill: '#8883', stroke: 'currentColor'}), el('circle', {r: 3, fill: 'currentColor'}));
  const word = el('text', {'font-size': 12, 'text-anchor': 'middle'}, 'start');
  p.svg.append(handle, word);
  let held = false;
  const point = e => { const r = p.svg.getBoundingClientRect(), f = wide/r.width, u = p.px(1) - p.px(0); return [((e.clientX - r.left)*f - p.px(0))/u, (p.py(0) - (e.clientY - r.top)*f)/u]; };
  handle.addEventListener('pointerdown', e => { held = true; handle.setPointerCapture(e.pointerId); });
  handle.addEventListener('pointermove', e => { if (held) move(...point(e)); });
  for (const end of ['pointerup', 'pointercancel']) handle.addEventListener(end, () => { held = false; });
  p.svg.addEventListener('click', e => { if (!handle.contains(e.target)) move(...point(e)); });
  handle.addEventListener('keydown', e => {
    const d = {ArrowUp: [0, .25], ArrowDown: [0, -.25], ArrowLeft: [-.25, 0], ArrowRight: [.25, 0]}[e.key];
    if (!d) return;
    e.preventDefault();
    move(start[0] + d[0], start[1] + d[1]);
  });
  function move(x, y) { start = [Math.max(-X, Math.min(X, x)), Math.max(-Y, Math.min(Y, y))].map(o => Math.round(100*o)/100); draw(); }
  const away = ([x, y]) => Math.hypot(x, y - BENDS[bend][1]);
  function verdict(path) {
    const d = path.map(away), last = d.findLastIndex(o => !(o <= near));
    if (path.length <= steps) return `diverges: ${num(d[d.length-1])} away after ${path.length - 1} steps.`;
    if (last === steps) return `still ${num(d[steps])} away from the minimum after ${steps} steps.`;
    return `${last + 1} ${last ? 'steps' : 'step'} until it stays within ${near} of the minimum.`;
  }
  function draw() {
    const [b, low] = BENDS[bend], valley = x => b*x*x + low;
    contours.replaceChildren(...[.25, .6, 1, 1.5, 2.1, 2.8, 3.6, 4.5, 5.5, 7, 9].map(r => {  // where the loss is r²/2
      const far = Math.min(r*Math.sqrt(stretch), X + 1), round = Array.from({length: 121}, (_, i) => {
        const x = far*Math.cos(i*Math.PI/60), up = Math.sqrt(Math.max(r*r - x*x/stretch, 0));
        return [x, valley(x) + (i < 60 ? up : -up)];
      });
      return el('path', {d: p.draw(round)});
    }));
    const [mx, my] = [p.px(0), p.py(low)];
    floor.setAttribute('d', `M${mx-5},${my-5}l10,10m0,-10l-10,10`);
    for (const o in RULES) {
      paths[o] = walk(o, start, stretch, BENDS[bend], rates, steps);
      const beyond = paths[o].findIndex(q => Math.hypot(...q) > 100), seen = paths[o].slice(0, (beyond < 0 ? shown : Math.min(shown, beyond)) + 1), inside = seen.filter(q => Math.abs(q[0]) < X && Math.abs(q[1]) < Y);
      drawn[o].line.setAttribute('d', p.draw(seen));
      drawn[o].marks.setAttribute('d', inside.map(q => mark(LOOKS[o], p.px(q[0]), p.py(q[1]))).join(''));
      drawn[o].text.textContent = `${o}: ${verdict(paths[o])}`;
    }
    handle.setAttribute('transform', `translate(${p.px(start[0]).toFixed(1)},${p.py(start[1]).toFixed(1)})`);
    handle.setAttribute('aria-label', `start at ${start[0]}, ${start[1]}: drag it, or move it with the arrow keys`);
    word.setAttribute('x', Math.max(p.px(-X) + 16, Math.min(p.px(X) - 16, p.px(start[0]))));
    word.setAttribute('y', p.py(start[1]) + (start[1] > Y - 1.5 ? 28 : -18));
  }
  const s = (name, range, value, set) => { const o = slider(name, range, value, num, v => { set(v); draw(); }); o.input.style.minHeight = '24px'; return o; };
  const control = {
    stretch: s('condition number', [1, 200, 1], stretch, v => { stretch = v; }), lr: s('learning rate of SGD and momentum', [.01, 2.2, .01], rates.lr, v => { rates.lr = v; }),
    momentum: s('momentum', [0, .99, .01], rates.momentum, v => { rates.momentum = v; }), adam: s('learning rate of Adam', [.01, 2, .01], rates.adam, v => { rates.adam = v; }),
    shown: s('steps drawn', [1, 200, 1], shown, v => { shown = v; }),
  };
  function choose(o) {  // the bend makes the walls steeper, so the rate has to be smaller
    bend = choice.value = o;
    control.lr.set(o === 'ellipse' ? lr0 : Math.min(lr0, .3));
  }
  const choice = el('select', {'aria-label': 'landscape', onchange: e => choose(e.target.value)}, ...Object.keys(BENDS).map(o => el('option', {value: o}, o)));
  const legend = Object.entries(LOOKS).map(([o, look]) => el('p', {style: 'display: flex; gap: .6em; align-items: center'},
    el('svg', {width: 44, height: 14, viewBox: '0 0 44 14', 'aria-hidden': 'true', style: 'flex: none'}, el('path', {d: 'M1,7H43', stroke: look[0], 'stroke-width': 2, 'stroke-dasharray': look[1], fill: 'none'}), el('path', {d: mark(look, 22, 7), fill: look[0]})), drawn[o].text));
  stage.append(p.svg, el('div', {'aria-live': 'polite'}, ...legend), el('p', {}, choice, el('button', {type: 'button', onclick: () => move(...start0)}, 'Put the start back')), ...Object.values(control).map(o => o.row));
  draw();
  return {walk: (rule, n) => walk(rule, start, stretch, BENDS[bend], rates, n), slope: q => slope(q, stretch, BENDS[bend]), loss: q => loss(q, stretch, BENDS[bend]),
    set: (o, v) => control[o].set(v), choose, move, get start() { return start; }, get settings() { return {stretch, ...rates}; }, verdict, rules: Object.keys(RULES)};
}
