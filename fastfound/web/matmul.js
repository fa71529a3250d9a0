// A matrix product in steps: which numbers each version touches at a time
function explore(stage, {a, b}) {
  const [n, m, p] = [a.length, b.length, b[0].length], up = (x, s) => Math.ceil(x/s);
  const versions = [['three loops: one multiplication at a time', 1, 1, 1], ['two loops: a row times a column', 1, 1, m],
    ['one loop, with broadcasting: one row of the result', 1, p, m], ['blocks of 2 by 2', 2, 2, 2], ['@: all at once', n, p, m]];
  let version = 0, step = 0, cell = null;
  const steps = v => { const [, r, c, k] = versions[v]; return up(n, r)*up(p, c)*up(m, k); };
  function ranges(v, s) {  // rows, columns and inner positions of step s: [i0, i1, j0, j1, k0, k1]
    const [, r, c, d] = versions[v], nk = up(m, d), nj = up(p, c), i = Math.floor(s/(nj*nk))*r, j = Math.floor(s/nk)%nj*c, k = s%nk*d;
    return [i, Math.min(i+r, n), j, Math.min(j+c, p), k, Math.min(k+d, m)];
  }
  function result(v, s) {  // after the first s steps
    const out = a.map(() => Array(p).fill(null));
    for (let t = 0; t < s; t++) {
      const [i0, i1, j0, j1, k0, k1] = ranges(v, t);
      for (let i = i0; i < i1; i++) for (let j = j0; j < j1; j++) for (let k = k0; k < k1; k++) out[i][j] += a[i][k]*b[k][j];
    }
    return out;
  }
  const sum = (i, j, k1 = m) => `${a[i].slice(0, k1).map((x, k) => `${x}·${b[k][j] < 0 ? `(${b[k][j]})` : b[k][j]}`).join(' + ')} = ${a[i].slice(0, k1).reduce((s, x, k) => s + x*b[k][j], 0)}`;
  const grid = (name, rows, cols, content) => el('table', {class: 'ff-grid', 'aria-label': name},
    el('tbody', {}, ...Array.from({length: rows}, (_, i) => el('tr', {}, ...Array.from({length: cols}, (_, j) => el('td', {}, content(i, j)))))));
  const look = (i, j) => { cell = [i, j]; draw(); }, away = () => { cell = null; draw(); };
  const button = (i, j) => el('button', {type: 'button', onmouseenter: () => look(i, j), onmouseleave: away, onfocus: () => look(i, j), onblur: away,
    onclick: () => look(i, j), onkeydown: e => {
      const d = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[e.key], to = d && tc.rows[i+d[0]]?.cells[j+d[1]];
      if (to) { e.preventDefault(); to.firstChild.focus(); }
    }});
  const ta = grid('left matrix', n, m, (i, j) => String(a[i][j])), tb = grid('right matrix', m, p, (i, j) => String(b[i][j])), tc = grid('product', n, p, button);
  const said = el('p', {'aria-live': 'polite'}), count = el('output');
  const mark = (t, name, test) => [...t.rows].forEach((row, i) => [...row.cells].forEach((td, j) => { td.className = test(i, j) ? name : ''; }));
  function draw() {
    const done = result(version, step), [i0, i1, j0, j1, k0, k1] = cell ? [cell[0], cell[0]+1, cell[1], cell[1]+1, 0, m] : step ? ranges(version, step-1) : [0, 0, 0, 0, 0, 0];
    mark(ta, 'ff-a', (i, k) => i >= i0 && i < i1 && k >= k0 && k < k1);
    mark(tb, 'ff-b', (k, j) => k >= k0 && k < k1 && j >= j0 && j < j1);
    mark(tc, 'ff-c', (i, j) => i >= i0 && i < i1 && j >= j0 && j < j1);
    [...tc.rows].forEach((row, i) => [...row.cells].forEach((td, j) => {
      td.firstChild.textContent = done[i][j] ?? '·';
      td.firstChild.setAttribute('aria-label', `row ${i+1}, column ${j+1}: ${done[i][j] ?? 'not yet'}`);
    }));
    said.textContent = cell ? sum(...cell) : !step ? 'Press Step, or point at a cell of the result.' : i1-i0 === 1 && j1-j0 === 1 ? sum(i0, j0, k1)
      : `${(i1-i0)*(j1-j0)*(k1-k0)} multiplications, and no loop of Python inside`;
    count.textContent = `step ${step} of ${steps(version)}`;
    next.disabled = step === steps(version);
  }
  const next = el('button', {type: 'button', onclick: () => go(version, step+1)}, 'Step');
  const which = slider('version', [0, versions.length-1, 1], 0, v => versions[v][0], v => { version = v; step = 0; cell = null; draw(); });
  function go(v, s) { if (v !== version) which.set(v); step = s; cell = null; draw(); }
  stage.append(which.row, el('div', {class: 'ff-row'}, ta, el('span', {}, '@'), tb, el('span', {}, '='), tc), said,
    el('p', {}, next, el('button', {type: 'button', onclick: () => go(version, steps(version))}, 'All'), el('button', {type: 'button', onclick: () => go(version, 0)}, 'Start again'), count));
  draw();
  return {versions: versions.length, steps, result, sum, go};
}
