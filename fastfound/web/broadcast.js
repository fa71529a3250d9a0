// Two shapes, aligned from the right, stretched where one is 1, or refused
function broadcast(s, t) {
  const ndim = Math.max(s.length, t.length), rows = [s, t].map(o => [...Array(ndim - o.length).fill(null), ...o]), shape = [];
  for (let d = ndim - 1; d >= 0; d--) {
    const [x, y] = [rows[0][d] ?? 1, rows[1][d] ?? 1];
    if (x !== y && x !== 1 && y !== 1) return {rows, bad: d, shape: null};
    shape[d] = x === 1 ? y : x;
  }
  return {rows, bad: null, shape};
}
function parse(text) {  // sizes between spaces, commas or brackets
  const words = text.replace(/[()[\]]/g, ' ').split(/[\s,x]+/).filter(o => o);
  if (words.some(o => !/^\d{1,9}$/.test(o))) return null;
  return words.map(Number);
}
function explore(stage, {shapes}) {
  const said = el('p', {'aria-live': 'polite'}), holder = el('div');
  const input = (name, value) => el('input', {type: 'text', 'aria-label': name, value, size: 14, inputmode: 'text', autocomplete: 'off', spellcheck: 'false', oninput: draw});
  const write = o => `(${o.join(', ')}${o.length === 1 ? ',' : ''})`;
  function draw() {
    const [s, t] = inputs.map(o => parse(o.value)), wrong = s === null ? inputs[0] : t === null ? inputs[1] : null;
    if (wrong) { holder.replaceChildren(); said.textContent = `got ${wrong.value}, wanted sizes such as 3, 1, 5`; return; }
    const {rows, bad, shape} = broadcast(s, t), n = rows[0].length;
    const td = (v, kind) => el('td', {class: kind}, v === null ? '' : String(v));
    const line = (name, cells) => el('tr', {}, el('th', {scope: 'row'}, name), ...cells);
    const line2 = (name, o) => line(name, o.map((v, d) => d === bad ? td(v, 'ff-bad') : shape && v !== shape[d] ? td(v === null ? `→ ${shape[d]}` : `${v} → ${shape[d]}`, 'ff-b') : td(v, '')));
    holder.replaceChildren(n ? el('table', {class: 'ff-grid', 'aria-label': 'the shapes aligned from the right'}, el('tbody', {}, line2('first', rows[0]), line2('second', rows[1]),
      line('result', shape ? shape.map(v => td(v, 'ff-c')) : rows[0].map((_, d) => td(d === bad ? '✗' : null, d === bad ? 'ff-bad' : ''))))) : '');
    said.textContent = shape ? `${write(s)} and ${write(t)} give ${write(shape)}` : `${write(s)} and ${write(t)} do not fit: dimension ${bad - n} is ${rows[0][bad]} in one and ${rows[1][bad]} in the other, and neither is 1`;
  }
  const inputs = [input('first shape', shapes[0].join(', ')), input('second shape', shapes[1].join(', '))];
  const set = (s, t) => { inputs[0].value = s.join(', '); inputs[1].value = t.join(', '); draw(); };
  const tries = [[[2, 3], [3]], [[5, 1], [4]], [[256, 256, 3], [3]], [[64, 10], [64]], [[64, 10], [64, 1]]];
  stage.append(el('p', {}, ...inputs), holder, said, el('p', {}, ...tries.map(([s, t]) => el('button', {type: 'button', onclick: () => set(s, t)}, `${write(s)} and ${write(t)}`))));
  draw();
  return {broadcast: (s, t) => broadcast(s, t).shape, parse, set};
}
