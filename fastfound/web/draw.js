// A box to draw a digit in, and what a network reads
function inked(strokes, size = 28, box = 20, pen = 2.4, least = 14) {  // strokes of points as an image of size·size: scaled into a box, drawn with a pen that fits, centred by mass
  const span = [0, 1].map(k => { const o = strokes.flat().map(p => p[k]); return [Math.min(...o), Math.max(...o)]; });
  const scale = (box - pen)/Math.max(least, ...span.map(([a, b]) => b - a)), r = pen/2 + .5;
  function picture(middle) {  // a pixel is as dark as its distance from the line is small
    const near = new Float64Array(size*size).fill(r), at = p => middle.map((m, k) => (p[k] - (span[k][0] + span[k][1])/2)*scale + m);
    const range = (a, b) => [Math.max(0, Math.ceil(Math.min(a, b) - r)), Math.min(size - 1, Math.floor(Math.max(a, b) + r))];
    for (const line of strokes) line.forEach((p, i) => {
      const [x0, y0] = at(p), [x1, y1] = at(line[i + 1] || p), [u, v] = [x1 - x0, y1 - y0], [left, right] = range(x0, x1), [top, bottom] = range(y0, y1);
      for (let y = top; y <= bottom; y++) for (let x = left; x <= right; x++) {
        const t = Math.max(0, Math.min(1, ((x - x0)*u + (y - y0)*v)/(u*u + v*v || 1)));
        near[y*size + x] = Math.min(near[y*size + x], Math.hypot(x - x0 - t*u, y - y0 - t*v));
      }
    });
    return Float32Array.from(near, d => Math.min(1, r - d));
  }
  const middle = [(size - 1)/2, (size - 1)/2], first = picture(middle), mass = [0, 0, 0];
  first.forEach((v, i) => { mass[0] += v*(i%size); mass[1] += v*Math.floor(i/size); mass[2] += v; });
  return picture(middle.map((m, k) => { const room = (size - 1 - pen - (span[k][1] - span[k][0])*scale)/2; return m + Math.max(-room, Math.min(room, size/2 - mass[k]/mass[2])); }));
}
function explore(stage, {net, examples, demo}) {
  const read = network(net), side = 280, edge = 8, {size, vocab} = net, hidden = 'position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%)';
  const ghost = el('path', {'stroke-opacity': .15}), lines = el('path'), sample = el('g', {fill: 'currentColor', stroke: 'none', 'shape-rendering': 'crispEdges'});
  const dot = el('circle', {r: 7}), cross = el('g', {stroke: '#d9680f', 'stroke-width': 2, visibility: 'hidden'}, el('path', {d: 'M-18 0h36M0 -18v36'}), dot);
  const sheet = el('svg', {viewBox: `0 0 ${side} ${side}`, width: side, height: side, tabindex: 0, role: 'application', style: 'touch-action: none; border: 1px solid #888; border-radius: 4px; box-sizing: border-box; cursor: crosshair; flex: none',
    'aria-label': 'drawing area: draw with the mouse or a finger; or move the pen with the arrow keys, with Shift in larger steps, put it down and up with the space bar or Enter, and clear with Escape or Delete'},
    el('g', {fill: 'none', stroke: 'currentColor', 'stroke-width': 14, 'stroke-linecap': 'round', 'stroke-linejoin': 'round'}, ghost, sample, lines), cross);
  const said = el('p', {'aria-live': 'polite', style: 'flex: 1; margin: 0; min-height: 2.9em'}), where = el('p', {'aria-live': 'polite', style: hidden});
  const big = el('div', {'aria-hidden': 'true', style: 'font-size: 2.6em; line-height: 1; min-width: .7em; text-align: center'});
  const small = el('canvas', {width: size, height: size, role: 'img', 'aria-label': 'the picture that the network gets', style: 'width: 64px; height: 64px; image-rendering: pixelated; border: 1px solid #888; flex: none'});
  const rows = vocab.map(o => {
    const bar = el('div', {style: 'height: 100%; background: #4285f4; width: 0'}), value = el('span', {style: 'min-width: 3.6em; text-align: right; font-variant-numeric: tabular-nums'});
    return {bar, value, row: el('li', {style: 'display: flex; gap: .5em; align-items: center; margin: 0; padding: 0'}, el('span', {style: 'min-width: .7em'}, o), el('div', {style: 'flex: 1; min-width: 2em; height: .75em; background: #8882'}, bar), value)};
  });
  const wide = vocab.some(o => o.length > 4), bars = el('ul', {'aria-label': 'probabilities', role: 'list', style: `list-style: none; margin: .5em 0; padding: 0; display: grid; gap: 0 1.2em; grid: ${wide ? 'auto' : `repeat(${Math.ceil(vocab.length/2)}, auto) / auto-flow minmax(0, 1fr)`}`}, ...rows.map(o => o.row));
  const filters = el('div', {style: 'display: flex; flex-wrap: wrap; gap: 4px'}), first = el('div', {hidden: ''}, el('p', {}, 'What the first convolution makes of it:'), filters);
  function paint(canvas, data, low, high) {  // large is ink, in the colour of the text
    const c = canvas.getContext('2d'), im = c.createImageData(canvas.width, canvas.height);
    data.forEach((v, i) => { im.data[4*i + 3] = 255*(v - low)/((high - low) || 1); });
    c.putImageData(im, 0, 0);
    c.globalCompositeOperation = 'source-in';
    c.fillStyle = getComputedStyle(stage).color;
    c.fillRect(0, 0, canvas.width, canvas.height);
    c.globalCompositeOperation = 'source-over';
  }
  let now = null, strokes = [], own = true, line = null, playing = 0, cursor = [side/2, side/2], planned = false;
  function show(pixels, words) {  // an image, and what the network reads in it; with `words` it is not asked
    now = [pixels, words];
    const {logits, seen} = words ? {} : read(pixels), p = logits && softmax(logits), best = p ? p.indexOf(Math.max(...p)) : -1;
    paint(small, pixels, 0, 1);
    rows.forEach((o, i) => { o.bar.style.width = p ? `${100*p[i]}%` : 0; o.value.textContent = p ? `${(100*p[i]).toFixed(1)} %` : ''; });
    big.textContent = p ? vocab[best] : '';
    said.textContent = words || `The network reads ${vocab[best]}, with a probability of ${(100*p[best]).toFixed(1)} %.`;
    first.hidden = !seen;
    if (!seen) return;
    const n = seen.h*seen.w;
    if (filters.childElementCount !== seen.c) filters.replaceChildren(...Array.from({length: seen.c}, (_, c) => el('canvas', {width: seen.w, height: seen.h, role: 'img', 'aria-label': `output ${c + 1} of the first convolution`, style: 'width: 56px; height: 56px; image-rendering: pixelated'})));
    [...filters.children].forEach((o, c) => { const d = seen.data.subarray(c*n, (c+1)*n); paint(o, d, Math.min(...d), Math.max(...d)); });
  }
  const d = o => o.map(l => `M${l.map(p => p.join()).join('L')}${l.length > 1 ? '' : 'h.01'}`).join('');
  function look() {  // at what has been drawn
    lines.setAttribute('d', d(strokes));
    const points = strokes.flat(), far = points.length && Math.max(...[0, 1].map(k => Math.max(...points.map(p => p[k])) - Math.min(...points.map(p => p[k]))));
    show(points.length ? inked(strokes, size) : new Float32Array(size*size), !points.length ? 'Draw a digit.' : far < 14 ? 'A dot so far. Draw a digit.' : '');
  }
  const later = () => { if (!planned) { planned = true; requestAnimationFrame(() => { planned = false; if (own) look(); }); } };
  function clear() {
    cancelAnimationFrame(playing);
    [strokes, line, own] = [[], null, true];
    said.setAttribute('aria-live', 'polite');
    ghost.removeAttribute('d');
    sample.replaceChildren();
    look();
  }
  function begin(p) { if (!own) clear(); strokes.push(line = [p]); later(); }
  function move(p) { if (Math.hypot(p[0] - line.at(-1)[0], p[1] - line.at(-1)[1]) >= 1) { line.push(p); later(); } }
  const inside = o => o.map(v => Math.max(edge, Math.min(side - edge, Math.round(10*v)/10)));
  const place = e => { const r = sheet.getBoundingClientRect(); return inside([(e.clientX - r.left)*side/r.width, (e.clientY - r.top)*side/r.height]); };
  sheet.addEventListener('pointerdown', e => { if (!e.isPrimary || e.button) return; sheet.setPointerCapture(e.pointerId); aim(false); begin(place(e)); });
  sheet.addEventListener('pointermove', e => { if (line && e.isPrimary && e.buttons) for (const o of e.getCoalescedEvents?.() || []) move(place(o)); if (line && e.isPrimary && e.buttons) move(place(e)); });
  for (const end of ['pointerup', 'pointercancel']) sheet.addEventListener(end, e => { if (e.isPrimary) line = null; });
  function aim(seen) {  // the place of the pen, for the keyboard
    cross.setAttribute('visibility', seen ? 'visible' : 'hidden');
    cross.setAttribute('transform', `translate(${cursor})`);
    dot.setAttribute('fill', line ? '#d9680f' : 'none');
  }
  sheet.addEventListener('focus', () => aim(sheet.matches(':focus-visible')));
  sheet.addEventListener('blur', () => { line = null; aim(false); });
  sheet.addEventListener('keydown', e => {
    const to = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]}[e.key], pen = e.key === ' ' || e.key === 'Enter', wipe = ['Escape', 'Delete', 'Backspace'].includes(e.key);
    if (e.ctrlKey || e.metaKey || e.altKey || !to && !pen && !wipe) return;
    e.preventDefault();
    if (wipe || !own) clear();
    if (to) { cursor = inside(cursor.map((v, i) => v + (e.shiftKey ? 40 : 10)*to[i])); if (line) move(cursor); }
    if (pen && !e.repeat) line ? line = null : begin(cursor);
    aim(true);
    where.textContent = wipe ? 'Cleared.' : `Pen ${line ? 'down' : 'up'} at ${cursor.map(Math.round).join(', ')} of ${side}.`;
  });
  function example(i) {  // a digit of the test set, as it is
    const x = Float32Array.from(bytes(examples[i]), v => v/255), cell = side/size;
    clear();
    own = false;
    x.forEach((v, k) => { if (v > .04) sample.append(el('rect', {x: k%size*cell, y: Math.floor(k/size)*cell, width: cell, height: cell, 'fill-opacity': v.toFixed(2)})); });
    show(x, '');
  }
  function play(still) {  // the digit of the demo draws itself, a point every 30 ms, and is read meanwhile
    const began = performance.now(), n = demo.flat().length;
    clear();
    own = false;
    ghost.setAttribute('d', d(demo));
    said.setAttribute('aria-live', 'off');
    (function step() {
      let left = still ? n : Math.min(n, 1 + Math.floor((performance.now() - began)/30));
      const over = left === n, part = demo.map(l => { const o = l.slice(0, Math.max(0, left)); left -= l.length; return o; }).filter(o => o.length);
      strokes = part;
      look();
      if (over) { said.setAttribute('aria-live', 'polite'); said.append(' Now you: draw a digit.'); } else playing = requestAnimationFrame(step);
    })();
  }
  const repaint = () => { const words = said.textContent; if (now) show(...now); said.textContent = words; };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);
  new MutationObserver(repaint).observe(document.body, {attributes: true, attributeFilter: ['data-theme', 'data-jp-theme-light']});
  stage.append(el('div', {class: 'ff-row', style: 'align-items: flex-start'}, sheet, el('div', {style: 'flex: 1 1 15em; min-width: 0'}, el('div', {style: 'display: flex; gap: .8em; align-items: center'}, small, big, said), bars,
    el('div', {style: 'display: flex; gap: .5em; align-items: center'}, el('button', {type: 'button', onclick: clear}, 'Clear'), examples.length ? 'or try a digit of the test set:' : ''),
    el('div', {style: 'display: flex; gap: 4px; margin-top: .3em'}, ...examples.map((_, i) => el('button', {type: 'button', 'aria-label': `example of a ${i}`, style: 'flex: 0 1 2em; min-width: 24px; padding: .15em 0; margin: 0', onclick: () => example(i)}, String(i)))), where)), first);
  clear();
  if (demo) play(true);
  queueMicrotask(() => {  // on the page, and not yet painted
    repaint();
    if (!demo || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    const r = sheet.getBoundingClientRect(), go = () => { watch.disconnect(); if (!own) play(); }, watch = new IntersectionObserver(seen => { if (seen.some(e => e.isIntersecting)) go(); }, {threshold: .6});
    r.top >= 0 && r.bottom < innerHeight ? go() : watch.observe(sheet);
  });
  return {read: pixels => Array.from(read(pixels).logits), inked: o => Array.from(inked(o, size)), draw: o => { clear(); strokes = o; look(); return big.textContent; }, get strokes() { return strokes; }, example, clear, weights: () => net};
}
