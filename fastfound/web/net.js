// A trained network, layer by layer. An image is {c, h, w, data}: channels, height, width and their numbers in that order
const bytes = text => Uint8Array.from(atob(text), o => o.charCodeAt(0));
function weights({shape, float, int8, scale}) {  // as 32-bit numbers, or as 8-bit ones with a scale for each row
  if (float) return new Float32Array(bytes(float).buffer);
  const q = new Int8Array(bytes(int8).buffer), s = weights(scale), row = q.length/shape[0];
  return Float32Array.from(q, (v, i) => v*s[Math.floor(i/row)]);
}
const LAYERS = {
  conv({w, b, shape: [n, c, kh, kw], stride, padding}) {
    return x => {
      const h = Math.floor((x.h + 2*padding - kh)/stride) + 1, wide = Math.floor((x.w + 2*padding - kw)/stride) + 1, out = new Float32Array(n*h*wide);
      for (let o = 0; o < n; o++) {
        if (b) out.fill(b[o], o*h*wide, (o+1)*h*wide);
        for (let i = 0; i < c; i++) for (let ky = 0; ky < kh; ky++) for (let kx = 0; kx < kw; kx++) {
          const f = w[((o*c + i)*kh + ky)*kw + kx], first = Math.max(0, Math.ceil((padding - kx)/stride)), end = Math.min(wide, Math.floor((x.w - 1 + padding - kx)/stride) + 1);
          for (let y = 0; y < h; y++) {
            const row = y*stride + ky - padding;
            if (row < 0 || row >= x.h) continue;
            const from = (i*x.h + row)*x.w + kx - padding, to = (o*h + y)*wide;
            for (let j = first; j < end; j++) out[to + j] += f*x.data[from + j*stride];
          }
        }
      }
      return {c: n, h, w: wide, data: out};
    };
  },
  affine: ({w, b}) => x => ({...x, data: x.data.map((v, i) => v*w[Math.floor(i/(x.h*x.w))] + b[Math.floor(i/(x.h*x.w))])}),
  relu: () => x => ({...x, data: x.data.map(v => Math.max(v, 0))}),
  maxpool({size}) {
    return x => {
      const h = Math.floor(x.h/size), w = Math.floor(x.w/size), data = new Float32Array(x.c*h*w).fill(-Infinity);
      for (let c = 0; c < x.c; c++) for (let y = 0; y < h*size; y++) for (let j = 0; j < w*size; j++) {
        const to = (c*h + Math.floor(y/size))*w + Math.floor(j/size), v = x.data[(c*x.h + y)*x.w + j];
        if (v > data[to]) data[to] = v;
      }
      return {c: x.c, h, w, data};
    };
  },
  globalmax: () => x => ({c: x.c, h: 1, w: 1, data: Float32Array.from({length: x.c}, (_, c) => x.data.subarray(c*x.h*x.w, (c+1)*x.h*x.w).reduce((s, v) => Math.max(s, v)))}),
  linear: ({w, b, shape: [n, m]}) => x => ({c: n, h: 1, w: 1, data: Float32Array.from({length: n}, (_, o) => {
    let s = b ? b[o] : 0;
    for (let i = 0; i < m; i++) s += w[o*m + i]*x.data[i];
    return s;
  })}),
  skip({layers}) {
    const f = chain(layers);
    return x => { const y = f(x); return {...x, data: x.data.map((v, i) => Math.max(v + y.data[i], 0))}; };
  },
};
const layer = o => LAYERS[o.op]({...o, w: o.w && weights(o.w), b: o.b && weights(o.b), shape: o.w && o.w.shape});
function chain(layers) { const fs = layers.map(layer); return x => fs.reduce((y, f) => f(y), x); }
function network({layers, mean, std, size}) {  // from size·size numbers between 0 and 1 to logits, and what the first convolution makes of them
  const first = layers.findIndex(o => o.op === 'conv'), head = chain(layers.slice(0, first+1)), tail = chain(layers.slice(first+1));
  return pixels => {
    const seen = head({c: 1, h: size, w: size, data: Float32Array.from(pixels, v => (v - mean)/std)});
    return {logits: tail(seen).data, seen: first >= 0 ? seen : null};
  };
}
function softmax(logits) {
  const top = Math.max(...logits), e = Array.from(logits, v => Math.exp(v - top)), sum = e.reduce((s, v) => s + v);
  return e.map(v => v/sum);
}
