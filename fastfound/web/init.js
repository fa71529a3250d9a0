// Fifty layers: the magnitudes of the activations for any scale of the weights. Linear layers and ReLU obey f(s·x) = s·f(x) for s > 0,
// so weights s times as large make the activations of layer k exactly s^k times as large, and nothing need be computed again
function explore(stage, {kinds, n, bottom, top, low, high}) {
  const p = plot(600, 260, [.5, 50.5], [bottom, top], 'the magnitudes of the activations of fifty layers'), columns = el('g'), said = el('p', {'aria-live': 'polite'});
  p.ticks([[1, 'layer 1'], [10, '10'], [20, '20'], [30, '30'], [40, '40'], [50, '50']], [[-20, '1e-20'], [0, '1'], [20, '1e20'], [38.5, '3e38']]);
  p.layer.append(columns);
  const limit = el('path', {stroke: '#ea4335', 'stroke-dasharray': '4 3', fill: 'none', d: p.draw([[.5, 38.5], [50.5, 38.5]])}), w = p.px(2) - p.px(1) - 1, line = p.path({stroke: '#c2570c'});
  p.layer.append(limit);
  let kind = Object.keys(kinds)[0], scale = Math.log10(kinds[kind].start);
  const std = (kind, s, layer) => kinds[kind].std[layer-1]*s**layer;
  function fresh() {  // a column a layer, drawn once and then only moved
    const {counts, width, lowest} = kinds[kind], h = p.py(0) - p.py(width) + .5;
    columns.replaceChildren(...counts.map((row, i) => {
      const most = Math.max(...row);
      return el('g', {}, ...row.map((c, b) => c && el('rect', {x: p.px(i + 1) - w/2, y: p.py(lowest[i] + (b + 1)*width), width: w, height: h, fill: '#4285f4', 'fill-opacity': (.12 + .88*c/most).toFixed(2)})).filter(o => o));
    }));
  }
  function draw() {
    const s = 10**scale, unit = p.py(0) - p.py(1);
    [...columns.children].forEach((g, i) => g.setAttribute('transform', `translate(0,${Math.max(-1e4, Math.min(1e4, -unit*scale*(i + 1))).toFixed(1)})`));
    line.setAttribute('d', p.draw(kinds[kind].std.map((o, i) => [i + 1, Math.log10(o) + scale*(i + 1)])));
    const over = kinds[kind].std.findIndex((o, i) => o*s**(i + 1) > 3.4e38), end = std(kind, s, 50);
    said.textContent = `Standard deviation of the weights ${num(s)}, that is √(${num(s*s*n)}/${n}). Activations of layer 50: ` +
      (over >= 0 ? `beyond what float32 holds from layer ${over + 1} on, so inf and then nan.` : `standard deviation ${num(end)}: ${end < 1e-4 ? 'the signal vanishes' : end > 1e4 ? 'it explodes' : 'it lives'}.`);
  }
  const choice = el('select', {'aria-label': 'layers', onchange: e => { kind = e.target.value; fresh(); draw(); }}, ...Object.keys(kinds).map(o => el('option', {value: o}, o)));
  const s = slider('scale of the weights', [Math.log10(low), Math.log10(high), .001], scale, v => num(10**v), v => { scale = v; draw(); });
  const presets = [['0.01', .01], ['√(1/n)', Math.sqrt(1/n)], ['√(2/n)', Math.sqrt(2/n)], ['1', 1]].map(([text, v]) => el('button', {type: 'button', onclick: () => s.set(Math.log10(v))}, text));
  stage.append(p.svg, el('p', {}, choice, ...presets), s.row, said);
  fresh();
  draw();
  return {std, set: v => s.set(Math.log10(v)), choose: o => { choice.value = kind = o; fresh(); draw(); }};
}
