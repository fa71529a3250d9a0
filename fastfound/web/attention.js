// A language model of one layer that reads and writes names: whom each head looks at, and what comes next
const times = (a, w) => a.map(row => w[0].map((_, j) => row.reduce((s, v, i) => s + v*w[i][j], 0)));  // a matrix product
const plus = (a, b) => a.map((row, i) => row.map((v, j) => v + b[i][j]));
const rms = a => a.map(row => { const size = Math.sqrt(row.reduce((s, v) => s + v*v, 0)/row.length + 1e-5); return row.map(v => v/size); });
function softmax(row) {
  const top = Math.max(...row), e = row.map(v => Math.exp(v - top)), sum = e.reduce((s, v) => s + v);
  return e.map(v => v/sum);
}
function attend(q, k, from, to) {  // the weights of one head, which has the columns `from` to `to`: each row looks at itself and at those before it
  const part = row => row.slice(from, to), dot = (a, b) => a.reduce((s, v, i) => s + v*b[i], 0);
  return q.map((row, i) => [...softmax(k.slice(0, i + 1).map(o => dot(part(row), part(o))/Math.sqrt(to - from))), ...Array(q.length - 1 - i).fill(0)]);
}
function forward(p, tokens, heads) {
  let h = plus(tokens.map(o => p.letters[o]), p.places.slice(0, tokens.length));
  const z = rms(h), [q, k, v] = [p.wq, p.wk, p.wv].map(w => times(z, w)), size = h[0].length/heads;
  const looks = Array.from({length: heads}, (_, i) => attend(q, k, i*size, (i + 1)*size));
  const mixed = looks.map((w, i) => times(w, v.map(row => row.slice(i*size, (i + 1)*size))));
  h = plus(h, times(h.map((_, t) => mixed.flatMap(o => o[t])), p.wo));
  h = plus(h, times(times(rms(h), p.w1).map(row => row.map(v => Math.max(v, 0))), p.w2));
  return {looks, logits: times(rms(h), p.out)};
}
function explore(stage, {params, vocab, heads, name, seed}) {
  const longest = params.places.length - 1, random = uniforms(seed), START = vocab[0], percent = v => `${v < .0095 ? '<1' : Math.round(100*v)} %`, said = el('p', {'aria-live': 'polite'});
  const LEFT = 18, SIDE = 160, grids = Array.from({length: heads}, () => el('svg', {viewBox: `0 0 ${SIDE} ${SIDE}`, width: SIDE, height: SIDE, role: 'img', 'font-size': 11}));
  const W = 330, H = 130, BAR = (W - 6)/vocab.length, bars = el('svg', {viewBox: `0 0 ${W} ${H}`, width: W, height: H, role: 'img', 'font-size': 12});
  let at = name.length >> 1, ended = false;
  const tokens = () => [...START + name].map(o => vocab.indexOf(o)), result = () => forward(params, tokens(), heads);
  const probabilities = (logits, t = 1) => softmax(logits.map(v => v/t)), text = o => o === START ? 'the start' : o;
  function pick(p) {  // one token, as likely as the network says
    let left = random();
    for (let i = 0; i < p.length; i++) if ((left -= p[i]) < 0) return vocab[i];
    return START;
  }
  const cellOf = () => Math.min(22, (SIDE - LEFT - 2)/(name.length + 1));
  const next = () => pick(probabilities(result().logits.at(-1), heat.value));
  function letters(word) { name = word; at = word.length; ended = false; }
  function write() {  // one letter more
    if (ended || name.length === longest) letters('');  // the next name
    const o = next();
    if (o === START) ended = true; else letters(name + o);
    show();
  }
  function invent() {
    letters('');
    while (!ended && name.length < longest) { const o = next(); if (o === START) ended = true; else letters(name + o); }
    show();
  }
  function typed(value) {
    const known = o => o !== START && vocab.includes(o), word = [...value].every(known) ? value : value.toLowerCase().normalize('NFD').replace(/[\u0300-\u036f]/g, ''), other = [...word].find(o => !known(o));
    if (other) { said.textContent = `got ${other}, wanted letters from ${vocab[1]} to ${vocab.at(-1)}`; return; }
    letters(word.slice(0, longest));
    show(false);
  }
  function show(fill = true) {
    const {looks, logits} = result(), all = [...START + name], n = all.length, cell = cellOf(), mid = i => LEFT + (i + .5)*cell, p = probabilities(logits[at], heat.value);
    if (fill) field.value = name;
    const seen = looks.map(o => { const best = o[at].indexOf(Math.max(...o[at])); return [best, `${text(all[best])} (${percent(o[at][best])})`]; });
    grids.forEach((svg, k) => {
      svg.setAttribute('aria-label', `head ${k + 1}: ${text(all[at])} looks most at ${seen[k][1]}`);
      svg.replaceChildren(
        ...all.flatMap((o, i) => [el('text', {x: LEFT - 5, y: mid(i) + 4, 'text-anchor': 'end', 'font-weight': i === at ? 'bold' : 'normal'}, o), el('text', {x: mid(i), y: LEFT - 5, 'text-anchor': 'middle'}, o)]),
        ...looks[k].flatMap((row, i) => row.slice(0, i + 1).map((w, j) => el('rect', {x: LEFT + j*cell, y: LEFT + i*cell, width: cell, height: cell, fill: '#4285f4', 'fill-opacity': w.toFixed(3), stroke: '#888', 'stroke-width': .6}))),
        el('rect', {x: LEFT, y: LEFT + at*cell, width: cell*(at + 1), height: cell, fill: 'none', stroke: '#c2570c', 'stroke-width': 2.5}));
    });
    places.replaceChildren(...all.map((o, i) => el('button', {type: 'button', 'aria-pressed': i === at, 'aria-label': i ? `letter ${i}: ${o}` : 'start', style: `min-width: 26px; padding: .15em .2em; margin: 0 2px 0 0; ${i === at ? 'font-weight: bold; outline: 2px solid #c2570c; outline-offset: -2px' : ''}`, onclick: () => choose(i)}, o)));
    const follows = at < name.length ? name[at] : ended ? START : '', top = Math.max(...p);
    const order = p.map((v, i) => [v, vocab[i]]).sort((a, b) => b[0] - a[0]).slice(0, 3).map(([v, o]) => `${o === START ? 'the end' : o} ${percent(v)}`);
    bars.replaceChildren(...p.flatMap((v, i) => [el('rect', {x: 3 + i*BAR + 1, y: H - 20 - 90*v/top, width: BAR - 2, height: 90*v/top, fill: vocab[i] === follows ? '#c2570c' : '#4285f4'}), el('text', {x: 3 + (i + .5)*BAR, y: H - 6, 'text-anchor': 'middle'}, vocab[i])]),
      el('text', {x: Math.max(20, Math.min(W - 20, 3 + (p.indexOf(top) + .5)*BAR)), y: 14, 'text-anchor': 'middle'}, percent(top)));
    bars.setAttribute('aria-label', `how likely each letter is next: ${order.join(', ')}`);
    const after = at ? `After ${name.slice(0, at)}` : 'At the start';
    said.textContent = `${after} the network expects ${order.join(', ')}. ${follows ? `It goes on with ${follows === START ? 'the end' : follows}, ${percent(p[vocab.indexOf(follows)])}. ` : ''}${at ? `For ${all[at]}, head ${seen.map((o, k) => `${k + 1} ${k ? 'at' : 'looks most at'} ${o[1]}`).join(', head ')}.` : 'The start can only look at itself.'}`;
  }
  function choose(i) { at = i; show(); places.children[i].focus(); }
  const field = el('input', {type: 'text', value: name, maxlength: longest, size: 12, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', 'aria-label': 'name', oninput: e => typed(e.target.value)});
  const places = el('div', {role: 'group', 'aria-label': 'the letter that looks', style: 'display: flex; flex-wrap: wrap; margin: .5em 0'});
  places.addEventListener('keydown', e => { const i = at + {ArrowLeft: -1, ArrowRight: 1}[e.key]; if (i >= 0 && i <= name.length) { e.preventDefault(); choose(i); } });
  grids.forEach(o => o.addEventListener('click', e => {  // a row, as its letter above
    const box = o.getBoundingClientRect(), i = Math.floor(((e.clientY - box.top)*SIDE/box.height - LEFT)/cellOf());
    if (i >= 0 && i <= name.length) { at = i; show(); }
  }));
  const heat = slider('temperature', [.2, 2, .1], 1, v => v.toFixed(1), () => show());
  heat.input.style.height = '24px';
  stage.append(el('div', {class: 'ff-row', style: 'gap: .2em .8em'}, el('label', {}, el('span', {}, 'name'), field), el('span', {}, el('button', {type: 'button', onclick: write}, 'Write a letter'), el('button', {type: 'button', onclick: invent}, 'Write a name'))), places,
    el('div', {style: 'display: flex; flex-wrap: wrap; gap: .4em'}, ...grids.map((o, k) => el('div', {style: 'flex: 0 1 150px; min-width: 135px'}, el('div', {}, `head ${k + 1}`), o))), said,
    el('div', {}, 'the next letter; orange is the one that follows'), bars, heat.row);
  show();
  return {forward: word => forward(params, [...START + word].map(o => vocab.indexOf(o)), heads), probabilities: (word, t) => probabilities(forward(params, [...START + word].map(o => vocab.indexOf(o)), heads).logits.at(-1), t),
    write, invent, get name() { return name; }, get at() { return at; }};
}
