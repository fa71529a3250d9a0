// A box to draw a digit in, and what a network reads
function frame(ink, h, w, size = 28, box = 20) {  // as `frame_digit` of fastfound.handwriting: cut out, scale into a box, centre by mass
  let [top, bottom, left, right] = [h, -1, w, -1];
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) if (ink[y*w + x] > .2) {
    top = Math.min(top, y); bottom = Math.max(bottom, y); left = Math.min(left, x); right = Math.max(right, x);
  }
  if (bottom < 0) return null;
  let [n, m] = [bottom - top + 1, right - left + 1], cut = new Float64Array(n*m);
  for (let y = 0; y < n; y++) for (let x = 0; x < m; x++) cut[y*m + x] = ink[(top + y)*w + left + x];
  if (Math.abs(Math.max(n, m) - box) > 1) {
    const f = box/Math.max(n, m), [a, b] = [n, m].map(o => Math.max(1, Math.round(o*f)));
    cut = resize(cut, n, m, a, b);
    [n, m] = [a, b];
  }
  const most = Math.max(...cut), total = cut.reduce((s, v) => s + v), out = new Float32Array(size*size);
  let [cy, cx] = [0, 0];
  cut.forEach((v, i) => { cy += v*Math.floor(i/m); cx += v*(i%m); });
  const [y0, x0] = [[n, cy], [m, cx]].map(([o, c]) => Math.min(Math.max(Math.round(size/2 - c/total), 0), size - o));
  cut.forEach((v, i) => { out[(y0 + Math.floor(i/m))*size + x0 + i%m] = v/most; });
  return out;
}
function resize(im, h, w, h2, w2) {  // each new pixel is the mean of those that it covers; a larger picture is interpolated
  const small = h2*w2 < h*w;
  function taps(n, n2) {
    const scale = n/n2, wide = Math.max(scale, 1), reach = (small ? .5 : 1)*wide;
    return Array.from({length: n2}, (_, i) => {
      const c = (i + .5)*scale, from = Math.max(0, Math.floor(c - reach + .5)), to = Math.min(n, Math.floor(c + reach + .5));
      const f = Array.from({length: to - from}, (_, k) => { const d = (from + k - c + .5)/wide; return small ? +(d > -.5 && d <= .5) : Math.max(0, 1 - Math.abs(d)); });
      const sum = f.reduce((s, v) => s + v);
      return [from, f.map(v => v/sum)];
    });
  }
  const rows = taps(h, h2), cols = taps(w, w2), mid = new Float64Array(h*w2), out = new Float64Array(h2*w2);
  for (let y = 0; y < h; y++) cols.forEach(([from, f], x) => { mid[y*w2 + x] = f.reduce((s, v, k) => s + v*im[y*w + from + k], 0); });
  rows.forEach(([from, f], y) => { for (let x = 0; x < w2; x++) out[y*w2 + x] = f.reduce((s, v, k) => s + v*mid[(from + k)*w2 + x], 0); });
  return out;
}
function explore(stage, {net, examples}) {
  const read = network(net), side = 280, {size, vocab} = net;
  const sheet = el('canvas', {width: side, height: side, tabindex: 0, role: 'img', style: 'touch-action: none; background: #fff; border: 1px solid #888; max-width: 100%; cursor: crosshair',
    'aria-label': 'drawing area: draw with the mouse or a finger, or move the pen with the arrow keys and put it down with the space bar'});
  const ink = sheet.getContext('2d', {willReadFrequently: true}), said = el('p', {'aria-live': 'polite'}), small = el('canvas', {width: size, height: size, role: 'img', 'aria-label': 'the picture that the network gets', style: 'width: 112px; height: 112px; image-rendering: pixelated; border: 1px solid #888'});
  const rows = vocab.map(o => {
    const bar = el('div', {style: 'height: .8em; background: #4285f4; width: 0'}), value = el('td', {style: 'border: 0'}, '');
    return {tr: el('tr', {}, el('th', {scope: 'row', style: 'border: 0'}, o), el('td', {style: 'border: 0; width: 8em'}, bar), value), bar, value};
  });
  const filters = el('div', {style: 'display: flex; flex-wrap: wrap; gap: 4px; max-width: 30em'});
  function paint(canvas, data, w, h, low, high) {  // dark is large
    const im = canvas.getContext('2d').createImageData(w, h);
    data.forEach((v, i) => { const g = 255*(1 - (v - low)/((high - low) || 1)); im.data.set([g, g, g, 255], 4*i); });
    canvas.getContext('2d').putImageData(im, 0, 0);
  }
  function show(pixels) {
    if (!pixels) {
      rows.forEach(o => { o.bar.style.width = 0; o.value.textContent = ''; });
      paint(small, new Float32Array(size*size), size, size, 0, 1);
      filters.replaceChildren();
      said.textContent = 'Draw a digit.';
      return;
    }
    const {logits, seen} = read(pixels), p = softmax(logits), best = p.indexOf(Math.max(...p));
    paint(small, pixels, size, size, 0, 1);
    rows.forEach((o, i) => { o.bar.style.width = `${100*p[i]}%`; o.value.textContent = `${(100*p[i]).toFixed(1)} %`; });
    said.textContent = `The network reads ${vocab[best]}, with a probability of ${(100*p[best]).toFixed(1)} %.`;
    if (seen) {
      const n = seen.h*seen.w;
      if (filters.childElementCount !== seen.c) filters.replaceChildren(...Array.from({length: seen.c}, (_, c) => el('canvas', {width: seen.w, height: seen.h, role: 'img', 'aria-label': `output ${c + 1} of the first convolution`, style: 'width: 56px; height: 56px; image-rendering: pixelated'})));
      [...filters.children].forEach((o, c) => { const d = seen.data.subarray(c*n, (c+1)*n); paint(o, d, seen.w, seen.h, Math.min(...d), Math.max(...d)); });
    }
  }
  function look() {  // at what has been drawn
    const rgba = ink.getImageData(0, 0, side, side).data, x = new Float32Array(side*side);
    for (let i = 0; i < x.length; i++) x[i] = rgba[4*i + 3]/255;
    show(frame(x, side, side, size));
  }
  let pen = null, planned = false, cursor = [side/2, side/2], down = false;
  const later = () => { if (!planned) { planned = true; requestAnimationFrame(() => { planned = false; look(); }); } };
  function stroke([x0, y0], [x1, y1]) {
    ink.lineWidth = side/14;
    ink.lineCap = 'round';
    ink.strokeStyle = '#000';
    ink.beginPath();
    ink.moveTo(x0, y0);
    ink.lineTo(x1, y1 + (x0 === x1 && y0 === y1 ? .01 : 0));
    ink.stroke();
    later();
  }
  const place = e => { const r = sheet.getBoundingClientRect(); return [(e.clientX - r.left)*side/r.width, (e.clientY - r.top)*side/r.height]; };
  sheet.addEventListener('pointerdown', e => { pen = place(e); sheet.setPointerCapture(e.pointerId); stroke(pen, pen); });
  sheet.addEventListener('pointermove', e => { if (pen) { const to = place(e); stroke(pen, to); pen = to; } });
  for (const end of ['pointerup', 'pointercancel']) sheet.addEventListener(end, () => { pen = null; });
  sheet.addEventListener('keydown', e => {
    const d = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]}[e.key];
    if (e.key === ' ') down = !down;
    else if (d) {
      const to = cursor.map((v, i) => Math.max(10, Math.min(side - 10, v + 10*d[i])));
      if (down) stroke(cursor, to);
      cursor = to;
    } else return;
    e.preventDefault();
    said.textContent = `Pen ${down ? 'down' : 'up'} at ${cursor.map(Math.round).join(', ')} of ${side}.`;
  });
  const clear = () => { ink.clearRect(0, 0, side, side); show(null); };
  function example(i) {  // a digit of the test set, as it is
    const x = Float32Array.from(bytes(examples[i]), v => v/255), c = el('canvas', {width: size, height: size}), im = c.getContext('2d').createImageData(size, size);
    x.forEach((v, k) => { im.data[4*k + 3] = 255*v; });
    c.getContext('2d').putImageData(im, 0, 0);
    clear();
    ink.drawImage(c, 0, 0, side, side);
    show(x);
  }
  stage.append(el('div', {class: 'ff-row'}, sheet, el('div', {}, el('table', {'aria-label': 'probabilities', class: 'ff-grid'}, el('tbody', {}, ...rows.map(o => o.tr)))), el('div', {}, el('p', {}, 'What it gets:'), small)),
    said, el('p', {}, el('button', {type: 'button', onclick: clear}, 'Clear'), ...examples.map((_, i) => el('button', {type: 'button', 'aria-label': `example ${i + 1}`, onclick: () => example(i)}, String(i)))), el('p', {}, 'What the first convolution makes of it:'), filters);
  show(null);
  return {read: pixels => Array.from(read(pixels).logits), frame: (x, h, w) => frame(x, h, w), example, clear, weights: () => net};
}
