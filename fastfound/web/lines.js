// The lines of a function, to be put in order; some do not belong to it
function explore(stage, {name, signature, lines, wrong, before, shuffled, site, at}) {
  const here = document.querySelector('link[rel=canonical]')?.href.startsWith(site), to = here ? at : site + at;  // on the site itself: beside this page
  const own = [], quiet = el('p', {class: 'ff-quiet', role: 'status'}), said = el('p', {role: 'status', class: 'ff-told'});
  const words = text => text.split('`').map((o, i) => i%2 ? el('code', {}, o) : o);  // code stands in backticks
  const indent = o => o.length - o.trimStart().length, rows = lines.map((line, i) => {
    const text = line.trim(), small = (d, sign, word) => el('button', {type: 'button', class: 'ff-step', tabindex: -1, 'aria-label': `${word}: ${text}`, title: word, onclick: () => step(i, d)}, sign);
    const grip = el('span', {class: 'ff-grip', 'aria-hidden': 'true'}, '⠿'), code = el('code', {style: `--indent: ${indent(line)}`}, text);
    const mark = el('span', {class: 'ff-mark', 'aria-hidden': 'true'}), button = el('button', {type: 'button', class: 'ff-line', 'aria-keyshortcuts': 'ArrowUp ArrowDown'}, grip, code, mark);
    const row = el('li', {}, button, small(-1, '↑', 'Up'), small(1, '↓', 'Down'));
    button.addEventListener('click', () => { if (moved) moved = false; else own.includes(i) ? put(i, -1) : put(i, own.length); });
    button.addEventListener('keydown', e => {
      const d = {ArrowUp: -1, ArrowDown: 1}[e.key];
      if (!d || e.ctrlKey || e.metaKey || e.altKey || e.shiftKey) return;
      e.preventDefault();
      step(i, d);
    });
    button.addEventListener('pointerdown', e => { if (e.isPrimary && !e.button && (e.pointerType === 'mouse' || grip.contains(e.target))) drag(i, e); });
    return {row, button, mark, text};
  });
  const mine = el('ol', {class: 'ff-own', 'aria-label': `your lines of ${name}`}), rest = el('ul', {class: 'ff-rest', 'aria-label': 'lines that are left'});
  const head = el('pre', {class: 'ff-signature'}, signature), left = el('p', {class: 'ff-left'});
  const check = el('button', {type: 'button', class: 'ff-check', onclick: tell}, 'Check'), again = el('button', {type: 'button', onclick: () => { own.length = 0; draw(); say('All lines are left.'); }}, 'Start again');
  const say = text => { quiet.textContent = text; };
  function draw() {  // what has the focus keeps it, although its row moves
    const focus = stage.contains(document.activeElement) ? document.activeElement : null, others = shuffled.filter(i => !own.includes(i));
    for (const o of rows) { o.row.className = o.mark.textContent = ''; o.row.style.transform = ''; o.button.removeAttribute('aria-description'); }
    mine.replaceChildren(...own.map(i => rows[i].row));
    rest.replaceChildren(...others.map(i => rows[i].row));
    mine.classList.toggle('ff-empty', !own.length);
    left.textContent = others.length ? 'Lines that are left:' : 'No line is left.';
    said.replaceChildren();
    said.className = 'ff-told';
    if (focus && focus !== document.activeElement) focus.focus({preventScroll: true});
  }
  function put(i, k) {  // line i to place k of the function, or out of it where k is negative
    const old = own.indexOf(i);
    if (old >= 0) own.splice(old, 1);
    if (k >= 0) own.splice(k, 0, i);
    draw();
    say(`${rows[i].text}: ${k < 0 ? 'left out' : `line ${k + 1} of ${own.length}`}`);
  }
  function step(i, d) {
    const k = own.indexOf(i);
    if (k < 0) { if (d < 0) put(i, own.length); }
    else if (k + d >= own.length) put(i, -1);
    else if (k + d >= 0) put(i, k + d);
  }
  let moved = false;  // whether the click that comes now ends a drag
  function drag(i, start) {
    const {row} = rows[i], id = start.pointerId, from = start.clientY;
    let place = null;
    moved = false;
    const unmark = () => stage.querySelectorAll('.ff-before, .ff-after, .ff-over').forEach(o => o.classList.remove('ff-before', 'ff-after', 'ff-over'));
    function move(e) {
      if (e.pointerId !== id || !moved && Math.abs(e.clientY - from) < 6) return;
      moved = true;
      e.preventDefault();
      unmark();
      row.classList.add('ff-drag');
      row.style.transform = `translateY(${e.clientY - from}px)`;
      const others = own.filter(o => o !== i), tops = others.map(o => rows[o].row.getBoundingClientRect());
      if (e.clientY > left.getBoundingClientRect().top) { place = -1; rest.classList.add('ff-over'); return; }
      place = tops.filter(r => r.top + r.height/2 < e.clientY).length;
      if (!others.length) mine.classList.add('ff-over');
      else if (place < others.length) rows[others[place]].row.classList.add('ff-before');
      else rows[others.at(-1)].row.classList.add('ff-after');
    }
    function end(e) {
      if (e.pointerId !== id) return;
      for (const [k, f] of listens) window.removeEventListener(k, f);
      unmark();
      row.classList.remove('ff-drag');
      row.style.transform = '';
      if (moved && place !== null && e.type === 'pointerup') put(i, place);
      setTimeout(() => { moved = false; });
    }
    const listens = [['pointermove', move], ['pointerup', end], ['pointercancel', end]];
    for (const [k, f] of listens) window.addEventListener(k, f, {passive: false});
  }
  function verdict(order) {  // of numbers of lines; `right` is how many from the first on may stand as they do
    const n = before.length, bad = order.findIndex((i, k) => i >= n || before[i].some(o => !order.slice(0, k).includes(o))), k = bad < 0 ? order.length : bad;
    if (!order.length) return {right: 0, text: 'There is no line in your function yet.'};
    if (k === order.length) return k === n ? {right: k, done: true, text: order.every((i, k) => i === k) ? 'Right.' : 'Right. The book has another order, which does the same.'}
      : {right: k, text: `Right so far. ${n - k === 1 ? 'One line is' : `${n - k} lines are`} missing.`};
    return {right: k, bad: order[k], text: order[k] >= n ? `Line ${k + 1} does not belong here. ${wrong[order[k] - n]}` : `Line ${k + 1} comes too early: another one has to stand before it.`};
  }
  function tell() {
    const v = verdict(own);
    draw();
    own.forEach((i, k) => {
      const kind = k < v.right ? 'ff-right' : i === v.bad ? 'ff-wrong' : '';
      if (!kind) return;
      rows[i].row.className = kind;
      rows[i].mark.textContent = kind === 'ff-right' ? '✓' : '✗';
      rows[i].button.setAttribute('aria-description', kind === 'ff-right' ? 'right so far' : 'the first that is wrong');
    });
    said.append(...words(v.text));
    said.classList.add(v.done ? 'ff-done' : 'ff-not');
    if (v.done && at) said.append(' ', el('a', {href: to}, `${name} in the book`));
  }
  stage.append(el('div', {class: 'ff-lines', 'data-lm-suppress-shortcuts': 'true'}, head, mine, left, rest, el('div', {class: 'ff-row'}, check, again), said, quiet));
  draw();
  return {verdict, put, to, get own() { return own; }};
}
