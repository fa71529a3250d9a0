// Gradient descent on a parabola, and on the fit of a curve whose parameters need very different rates
function explore(stage, {time, speed, steps}) {
  // parabola x², from -2
  const walk = (lr, n) => { const xs = [-2]; for (let i = 0; i < n; i++) xs.push(xs.at(-1)*(1 - 2*lr)); return xs; };
  const verdict = (first, last, best) => !(last <= first) ? 'diverges' : last - best < .02*(first - best) ? 'arrives' : 'crawls';
  const p = plot(310, 200, [-3, 3], [-.6, 9], 'x² and the steps of gradient descent on it'), curve = Array.from({length: 61}, (_, i) => [-3 + i*.1, (-3 + i*.1)**2]);
  p.ticks([[-2, '-2'], [0, '0'], [2, '2']], [[0, '0'], [4, '4'], [8, '8']]);
  p.path({stroke: '#888'}).setAttribute('d', p.draw(curve));
  const steps1 = p.path({stroke: '#c2570c'}), dots = el('g'), said1 = el('p', {'aria-live': 'polite'});
  p.layer.append(dots);
  function one(lr) {
    const xs = walk(lr, 20), points = xs.map(x => [x, x*x]);
    steps1.setAttribute('d', p.draw(points));
    dots.replaceChildren(...points.filter(o => Math.abs(o[0]) < 4).map(o => el('circle', {cx: p.px(o[0]), cy: p.py(o[1]), r: 3, fill: '#c2570c'})));
    said1.textContent = `From x = -2, after 20 steps: x = ${num(xs.at(-1))}. Each step multiplies x by ${num(1 - 2*lr)}: it ${verdict(4, xs.at(-1)**2, 0)}${verdict(4, xs.at(-1)**2, 0) === 'arrives' && lr > .5 ? ', jumping from side to side' : ''}.`;
  }
  // quadratic a·u² + b·u + c through the speeds, where u is the time, or the time normalised
  const n = time.length, mean = time.reduce((s, t) => s + t)/n, std = Math.sqrt(time.reduce((s, t) => s + (t - mean)**2, 0)/(n - 1));
  const features = normal => time.map(t => { const u = normal ? (t - mean)/std : t; return [u*u, u, 1]; });
  const predict = (X, w) => X.map(x => x[0]*w[0] + x[1]*w[1] + x[2]*w[2]), mse = (X, w) => predict(X, w).reduce((s, o, i) => s + (o - speed[i])**2, 0)/n;
  const slope = (X, w) => { const e = predict(X, w).map((o, i) => 2*(o - speed[i])/n); return [0, 1, 2].map(k => X.reduce((s, x, i) => s + e[i]*x[k], 0)); };
  function steepest(X) {  // the largest curvature, by the power method: the loss has the Hessian 2/n·XᵀX
    let v = [1, 1, 1], size = 1;
    for (let i = 0; i < 200; i++) {
      const Xv = X.map(x => x[0]*v[0] + x[1]*v[1] + x[2]*v[2]), Hv = [0, 1, 2].map(k => 2/n*X.reduce((s, x, i) => s + x[k]*Xv[i], 0));
      size = Math.hypot(...Hv);
      v = Hv.map(o => o/size);
    }
    return size;
  }
  function fit(normal, lr, count = steps) {
    const X = features(normal);
    let w = [0, 0, 0];
    for (let i = 0; i < count; i++) { const g = slope(X, w); w = w.map((o, k) => o - lr*g[k]); }
    return {w, loss: mse(X, w), start: mse(X, [0, 0, 0])};
  }
  const top = Math.max(...speed)*1.15, q = plot(310, 200, [time[0], time[n-1]], [0, top], 'speeds and the fitted curve');
  q.ticks([[time[0], num(time[0])], [time[n-1], num(time[n-1])]], [[0, '0'], [Math.round(top*.8/10)*10, String(Math.round(top*.8/10)*10)]]);
  q.layer.append(...time.map((t, i) => el('circle', {cx: q.px(t), cy: q.py(speed[i]), r: 3, fill: '#888'})));
  const curve2 = q.path({stroke: '#4285f4'}), said2 = el('p', {'aria-live': 'polite'}), edges = [false, true].map(o => 2/steepest(features(o)));
  let normal = false, part = .5;
  const least = mse(features(true), solve(features(true)));
  function solve(X) {  // the least squares, by elimination
    const A = [0, 1, 2].map(j => [...[0, 1, 2].map(k => X.reduce((s, x) => s + x[j]*x[k], 0)), X.reduce((s, x, i) => s + x[j]*speed[i], 0)]);
    for (let j = 0; j < 3; j++) for (let r = 0; r < 3; r++) if (r !== j) { const f = A[r][j]/A[j][j]; A[r] = A[r].map((o, k) => o - f*A[j][k]); }
    return A.map((row, j) => row[3]/row[j]);
  }
  function two() {
    const lr = part*edges[+normal], {w, loss, start} = fit(normal, lr), line = predict(features(normal), w);
    curve2.setAttribute('d', isFinite(loss) ? q.draw(time.map((t, i) => [t, line[i]])) : '');
    said2.textContent = `Learning rate ${num(lr)}: after ${steps} steps the loss is ${num(loss)}, from ${num(start)}; the best is ${num(least)}. It ${verdict(start, loss, least)}.`;
  }
  const s1 = slider('learning rate', [.001, 1.1, .001], .1, v => num(v), one);
  const s2 = slider('rate / largest that converges', [.01, 1.1, .01], part, v => num(v), v => { part = v; two(); });
  const toggle = el('input', {type: 'checkbox', onchange: e => { normal = e.target.checked; two(); }});
  stage.append(el('div', {class: 'ff-row'}, el('div', {style: 'flex: 0 1 310px'}, p.svg, s1.row), el('div', {style: 'flex: 0 1 310px'}, q.svg, s2.row, el('label', {}, toggle, el('span', {}, 'normalise the time')))), said1, said2);
  one(.1);
  two();
  return {walk, fit, edges, least, set1: s1.set, set2: s2.set, normalise: o => { toggle.checked = normal = o; two(); }, verdict};
}
