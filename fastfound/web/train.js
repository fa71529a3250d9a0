// A network of 784 inputs, 30 hidden units and 10 classes, with its gradients, that learns in the page
const [IN, HID, OUT] = [784, 30, 10];
function random(seed) { const uniform = uniforms(seed); return {uniform, normal: normals(uniform)}; }
const kaiming = (n_in, n_out, rng) => Float64Array.from({length: n_in*n_out}, () => rng.normal()*Math.sqrt(2/n_in));
const fresh = rng => ({w1: kaiming(IN, HID, rng), b1: new Float64Array(HID), w2: kaiming(HID, OUT, rng), b2: new Float64Array(OUT)});
function product(x, w, b, n, m, p) {  // x (n,m) @ w (m,p) + b
  const out = new Float64Array(n*p);
  for (let i = 0; i < n; i++) {
    out.set(b, i*p);
    for (let k = 0; k < m; k++) { const v = x[i*m + k]; if (v) for (let j = 0; j < p; j++) out[i*p + j] += v*w[k*p + j]; }
  }
  return out;
}
function forward(net, x, n) {
  const a = product(x, net.w1, net.b1, n, IN, HID).map(v => Math.max(v, 0));
  return {a, z: product(a, net.w2, net.b2, n, HID, OUT)};
}
function gradients(net, x, y) {  // mean cross-entropy of rows x with labels y, and its gradients
  const n = y.length, {a, z} = forward(net, x, n), g = {w1: new Float64Array(IN*HID), b1: new Float64Array(HID), w2: new Float64Array(HID*OUT), b2: new Float64Array(OUT)};
  let loss = 0;
  const row = new Float64Array(HID);
  for (let i = 0; i < n; i++) {
    const s = z.subarray(i*OUT, (i+1)*OUT), top = Math.max(...s), sum = s.reduce((t, v) => t + Math.exp(v - top), 0);
    loss += (Math.log(sum) + top - s[y[i]])/n;
    row.fill(0);
    for (let j = 0; j < OUT; j++) {
      const d = (Math.exp(s[j] - top)/sum - (j === y[i]))/n;  // softmax minus one-hot
      g.b2[j] += d;
      for (let k = 0; k < HID; k++) { g.w2[k*OUT + j] += a[i*HID + k]*d; if (a[i*HID + k] > 0) row[k] += net.w2[k*OUT + j]*d; }
    }
    for (let k = 0; k < HID; k++) g.b1[k] += row[k];
    for (let p = 0; p < IN; p++) { const v = x[i*IN + p]; if (v) for (let k = 0; k < HID; k++) g.w1[p*HID + k] += v*row[k]; }
  }
  return {loss, ...g};
}
function accuracy(net, x, y) {
  const {z} = forward(net, x, y.length);
  return y.reduce((s, t, i) => { const r = z.subarray(i*OUT, (i+1)*OUT); return s + (r.indexOf(Math.max(...r)) === t); }, 0)/y.length;
}
async function unpack({images, labels, train}) {  // gzipped bytes to two sets of rows between 0 and 1 and labels
  const open = text => new Response(new Blob([Uint8Array.from(atob(text), o => o.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
  const x = Float64Array.from(new Uint8Array(await open(images)), v => v/255), y = new Uint8Array(await open(labels));
  return {x: x.subarray(0, train*IN), y: y.subarray(0, train), test_x: x.subarray(train*IN), test_y: y.subarray(train)};
}
function load(src) {  // a script instead of a request, because a page opened from a file may not make requests
  return new Promise((done, failed) => {
    if (globalThis.ffDigits) return done(ffDigits);
    document.head.append(el('script', {src, onload: () => done(ffDigits), onerror: () => failed(new Error(`got no ${src} beside this page; in a notebook, call explore_training(embed=True)`))}));
  });
}
function explore(stage, {src, digits, seed}) {
  let rng = random(seed), net = fresh(rng), data = null, running = false, order = null, at = 0, epoch = 0, curve = [], losses = [];
  const p = plot(310, 190, [0, 20], [.8, 1], 'accuracy on the 1,000 test digits after each pass');
  p.ticks([[0, '0'], [10, '10'], [19, '20 passes']], [[.8, '80 %'], [.9, '90 %'], [1, '100 %']]);
  const line = p.path({stroke: '#c2570c'}), said = el('p', {'aria-live': 'polite'}, 'The 5,000 digits are loaded when you press Train.'), still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const W = 10*29, pictures = el('canvas', {width: W, height: 3*29, role: 'img', 'aria-label': 'the weights of the 30 hidden units as pictures', style: `width: ${W}px; max-width: 100%; image-rendering: pixelated`});
  function paint() {
    const c = pictures.getContext('2d'), im = c.createImageData(28, 28);
    for (let k = 0; k < HID; k++) {
      let most = 1e-9;
      for (let i = 0; i < IN; i++) most = Math.max(most, Math.abs(net.w1[i*HID + k]));
      for (let i = 0; i < IN; i++) { const v = net.w1[i*HID + k]/most; im.data.set([v < 0 ? 255*(1+v) : 255, 255*(1 - Math.abs(v)), v > 0 ? 255*(1-v) : 255, 255], 4*i); }
      c.putImageData(im, k%10*29, Math.floor(k/10)*29);
    }
  }
  function batch(size, lr) {
    if (at + size > data.y.length) at = data.y.length;
    if (at >= data.y.length || !order) {
      if (order) { epoch++; curve.push([epoch, accuracy(net, data.test_x, data.test_y)]); tell(); }
      order = Array.from(data.y, (_, i) => i);
      for (let i = order.length - 1; i > 0; i--) { const j = Math.floor(rng.uniform()*(i + 1)); [order[i], order[j]] = [order[j], order[i]]; }
      at = 0;
    }
    const x = new Float64Array(size*IN), y = new Uint8Array(size);
    for (let i = 0; i < size; i++) { const o = order[at + i]; x.set(data.x.subarray(o*IN, (o+1)*IN), i*IN); y[i] = data.y[o]; }
    at += size;
    const g = gradients(net, x, y);
    for (const o of ['w1', 'b1', 'w2', 'b2']) for (let i = 0; i < net[o].length; i++) net[o][i] -= lr*g[o][i];
    losses.push(g.loss);
  }
  function tell() {
    const recent = losses.slice(-63), mean = recent.reduce((s, v) => s + v, 0)/recent.length;
    line.setAttribute('d', curve.length ? p.draw(curve) : '');
    said.textContent = curve.length ? `After ${epoch} ${epoch === 1 ? 'pass' : 'passes'}: ${(100*curve.at(-1)[1]).toFixed(1)} % of the test digits, training loss ${num(mean)}.` : 'It trains …';
    if (losses.length && !isFinite(mean)) { said.textContent = 'The loss is no number any more: the learning rate is too large. Start again with a smaller one.'; running = false; }
  }
  async function train(passes) {
    try { data = data || await unpack(digits || await load(src)); } catch (e) { said.textContent = e.message; return; }
    running = true;
    button.textContent = 'Pause';
    tell();
    const last = epoch + passes;
    while (running && epoch < last) {
      const until = performance.now() + 25;
      while (running && epoch < last && performance.now() < until) batch(64, lr.value);
      if (!still) paint();
      await new Promise(done => setTimeout(done));
    }
    paint();
    running = false;
    button.textContent = 'Train';
  }
  const button = el('button', {type: 'button', onclick: () => { if (running) running = false; else train(20); }}, 'Train');
  const again = () => { running = false; rng = random(seed); net = fresh(rng); order = null; at = epoch = 0; curve = []; losses = []; line.setAttribute('d', ''); said.textContent = 'New weights.'; paint(); };
  const lr = slider('learning rate', [.01, 3, .01], .3, num, () => {});
  stage.append(el('div', {class: 'ff-row'}, p.svg, pictures), lr.row, el('p', {}, button, el('button', {type: 'button', onclick: again}, 'Start again')), said);
  paint();
  return {gradients: (n, x, y) => { const g = gradients(Object.fromEntries(Object.entries(n).map(([k, v]) => [k, Float64Array.from(v)])), Float64Array.from(x), y); return Object.fromEntries(Object.entries(g).map(([k, v]) => [k, typeof v === 'number' ? v : Array.from(v)])); },
    train, again, get accuracy() { return curve.length ? curve.at(-1)[1] : null; }};
}
