// A kernel of 3 by 3 on a picture: nine products, their sum, and the picture that the sums make
const KERNELS = {
  'horizontal edges': [1, 1, 1, 0, 0, 0, -1, -1, -1], 'vertical edges': [1, 0, -1, 1, 0, -1, 1, 0, -1], outline: [-1, -1, -1, -1, 8, -1, -1, -1, -1],
  blur: [.1, .1, .1, .1, .2, .1, .1, .1, .1], sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0], identity: [0, 0, 0, 0, 1, 0, 0, 0, 0],
};
function under(x, n, i, j) {  // the nine pixels from row i and column j on; what lies outside of the picture is 0
  const out = [];
  for (let a = i; a < i+3; a++) for (let b = j; b < j+3; b++) out.push(a < 0 || b < 0 || a >= n || b >= n ? 0 : x[a*n + b]);
  return out;
}
const size = (n, stride, padding) => Math.floor((n + 2*padding - 3)/stride) + 1;
function convolve(x, n, w, stride, padding) {  // n·n pixels and nine weights
  const m = size(n, stride, padding);
  return Array.from({length: m*m}, (_, k) => under(x, n, Math.floor(k/m)*stride - padding, k%m*stride - padding).reduce((s, v, i) => s + v*w[i], 0));
}
function explore(stage, {images, n}) {  // pixels in hundredths, so that products and sums can be written out
  const show = v => String(+v.toFixed(3) + 0), F = n + 2, still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  let which = 0, w = KERNELS['horizontal edges'].slice(), stride = 1, padding = 0, x, out, m, at = [0, 0], seen = null, clock = null;
  // two pictures in frames of F by F pixels, and in each a box around the place
  function picture(name, text, place) {
    const canvas = el('canvas', {width: F, height: F, style: 'width: 100%; display: block; image-rendering: pixelated'}), box = el('div', {style: 'position: absolute; margin: -2px; border: 2px solid #c2570c; box-shadow: 0 0 0 1px #fff; pointer-events: none'});
    const holder = el('div', {tabindex: 0, role: 'application', 'aria-label': `${text}: point at a place, drag, or use the arrow keys`, style: 'position: relative; touch-action: none; cursor: crosshair; border: 1px solid #888'}, canvas, box);
    const pixel = e => { const r = canvas.getBoundingClientRect(); return [(e.clientY - r.top)/r.height, (e.clientX - r.left)/r.width].map(v => Math.floor(v*F)); };
    let held = false;
    holder.addEventListener('pointerdown', e => { held = true; holder.setPointerCapture(e.pointerId); pause(); go(...place(pixel(e))); });
    holder.addEventListener('pointermove', e => { if (held) go(...place(pixel(e))); });
    for (const end of ['pointerup', 'pointercancel']) holder.addEventListener(end, () => { held = false; });
    holder.addEventListener('keydown', e => {
      const d = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[e.key];
      if (!d) return;
      e.preventDefault();
      pause();
      go(at[0] + d[0], at[1] + d[1]);
    });
    const figure = el('div', {style: 'flex: 1 1 130px; max-width: 300px'}, el('div', {}, name), holder);
    return {figure, paint(color) {
      const im = canvas.getContext('2d').createImageData(F, F);
      for (let i = 0; i < F; i++) for (let j = 0; j < F; j++) { const c = color(i, j); if (c) im.data.set([...c, 255], 4*(i*F + j)); }
      canvas.getContext('2d').putImageData(im, 0, 0);
    }, mark(i, j, k) { Object.assign(box.style, {top: `${100*i/F}%`, left: `${100*j/F}%`, width: `${100*k/F}%`, height: `${100*k/F}%`}); }};
  }
  const first = () => Math.floor((F - m)/2);
  const input = picture('the picture', 'the picture with the kernel on it', o => o.map(v => Math.round((v - 2 + padding)/stride)));
  const output = picture('the output', 'the output', o => o.map(v => v - first()));
  const said = el('p', {'aria-live': 'polite'}), about = el('p'), sum = el('span', {style: 'font-weight: bold'});
  // the nine pixels, weights, products
  const table = (name, cell) => { const t = el('table', {class: 'ff-grid', 'aria-label': name}, el('tbody', {}, ...[0, 1, 2].map(i => el('tr', {}, ...[0, 1, 2].map(j => el('td', {}, cell(3*i + j))))))); return [t, [...t.querySelectorAll('td')]]; };
  const [pixels, pixel] = table('pixels under the kernel', () => ''), [products, product] = table('products', () => '');
  const [weights, cells] = table('weights of the kernel', k => el('input', {type: 'number', step: .1, 'aria-label': `weight in row ${Math.floor(k/3) + 1}, column ${k%3 + 1}`,
    style: 'width: 3.1em; min-height: 28px; box-sizing: border-box; font: inherit; color: inherit; background: transparent; border: 1px solid currentColor; border-radius: 5px; text-align: right; appearance: textfield',
    oninput: e => { const v = e.target.valueAsNumber; if (Math.abs(v) < 1e4) { w[k] = v; change(); } }, onchange: e => { e.target.value = w[k]; }}));
  const boxes = cells.map(o => o.firstChild);
  for (const o of [...pixel, ...product]) Object.assign(o.style, {width: '3.1em', minWidth: 0, boxSizing: 'border-box', padding: '.3em .25em'});
  pixel.forEach(o => { o.style.width = '2.5em'; });
  cells.forEach(o => { o.style.padding = '1px'; });
  function draw() {
    const [i, j] = at, p = under(x, n, i*stride - padding, j*stride - padding), most = Math.max(...out.map(Math.abs)) || 1;
    input.mark(i*stride - padding + 1, j*stride - padding + 1, 3);
    output.paint((r, c) => {
      const k = r - first(), l = c - first();
      if (k < 0 || l < 0 || k >= m || l >= m) return null;
      if (seen && !seen[k*m + l]) return [205, 205, 205];
      const v = out[k*m + l]/most, [red, green, blue] = v < 0 ? [194, 87, 12] : [26, 86, 196];
      return [red, green, blue].map(o => 255 + (o - 255)*Math.abs(v));
    });
    output.mark(i + first(), j + first(), 1);
    p.forEach((v, k) => { pixel[k].textContent = show(v); product[k].textContent = show(v*w[k]); });
    sum.textContent = `sum ${show(out[i*m + j])}`;
    said.textContent = `Row ${i + 1}, column ${j + 1}: the nine products add up to ${show(out[i*m + j])}.`;
    about.textContent = `${n} by ${n} pixels with padding ${padding} and stride ${stride} have ${m} by ${m} places. In the output blue is above 0, orange below, white 0; the deepest colour is ${show(most)}.`;
    for (const o of presets) o.setAttribute('aria-pressed', KERNELS[o.textContent].every((v, k) => v === w[k]));
    for (const o of presets) o.style.fontWeight = o.getAttribute('aria-pressed') === 'true' ? 'bold' : '';
  }
  function change() { out = convolve(x, n, w, stride, padding); draw(); }  // of weights
  function go(i, j) {
    at = [i, j].map(v => Math.max(0, Math.min(m - 1, v)));
    if (seen) seen[at[0]*m + at[1]] = true;
    draw();
  }
  function fresh() {  // another picture, or other places
    const before = m;
    x = images[which].map(v => v/100);
    m = size(n, stride, padding);
    if (before) at = at.map(v => Math.round(v*(m - 1)/(before - 1)));
    out = convolve(x, n, w, stride, padding);
    input.paint((r, c) => r && c && r <= n && c <= n ? Array(3).fill(255*(1 - x[(r-1)*n + c-1])) : padding ? [205, 205, 205] : null);
    whole(!seen);
  }
  function set(kernel) { w = kernel.slice(); boxes.forEach((o, k) => { o.value = w[k]; }); change(); }
  function whole(all) {
    pause();
    all_.checked = all;
    seen = all ? null : Array(m*m).fill(false);
    go(...at);
  }
  function pause() { clearInterval(clock); clock = null; slide.textContent = 'Slide'; said.setAttribute('aria-live', 'polite'); }
  function run() {  // over all places in order, from where it stands if some are left
    if (clock) return pause();
    if (!seen || seen.every(o => o)) { at = [0, 0]; whole(false); }
    const step = count => {
      for (; count && seen.includes(false); count--) { const k = seen.indexOf(false); go(Math.floor(k/m), k%m); }
      if (!seen.includes(false)) pause();
    };
    if (still) return step(m*m);
    slide.textContent = 'Pause';
    said.setAttribute('aria-live', 'off');
    clock = setInterval(() => step(m > 20 ? 4 : 1), 40);
  }
  const button = (text, onclick, attrs = {}) => el('button', {type: 'button', onclick, ...attrs}, text);
  const presets = Object.keys(KERNELS).map(o => button(o, () => set(KERNELS[o])));
  const choice = (name, options, changed) => el('label', {}, name, el('select', {'aria-label': name, onchange: e => { changed(+e.target.value); fresh(); }}, ...options.map(o => el('option', {value: o}, String(o)))));
  const all_ = el('input', {type: 'checkbox', onchange: e => whole(e.target.checked)}), slide = button('Slide', run);
  const strides = choice('stride', [1, 2], v => { stride = v; }), paddings = choice('padding', [0, 1], v => { padding = v; });
  stage.append(el('div', {class: 'ff-row', style: 'gap: .6em; align-items: flex-end'}, input.figure, output.figure), said,
    el('div', {class: 'ff-row', style: 'gap: .3em .5em'}, pixels, el('span', {}, '×'), weights, el('span', {style: 'display: flex; gap: .5em; align-items: center'}, '=', products, sum)),
    el('p', {}, ...presets), el('div', {class: 'ff-row', style: 'gap: .2em 1em'}, strides, paddings, el('label', {}, all_, 'whole output'), el('span', {}, slide, ...(images.length > 1 ? [button('Next picture', () => { which = (which + 1)%images.length; fresh(); })] : []))), about);
  boxes.forEach((o, k) => { o.value = w[k]; });
  fresh();
  const best = out.indexOf(Math.max(...out));  // an edge
  go(Math.floor(best/m), best%m);
  return {convolve, set, go, get output() { return out; }, get place() { return at; }, get seen() { return seen ? seen.filter(o => o).length : m*m; }, kernels: KERNELS};
}
