// Search over search_index.js, which the build writes: from files too, where nothing can be fetched
let pages, titles, index;

async function load() {
  const packed = Uint8Array.from(atob(window.fastfoundIndex), o => o.charCodeAt(0));
  const found = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'))).json();
  pages = found.pages;
  titles = pages.map(([, short, title]) => [short, title].map(o => field(o.replace(/^\d+\w?\. /, ''))));
  index = found.pieces.map(([page, anchor, heading, bold, text, code]) => {
    const counts = new Map();
    for (const [from, n] of [[text, 1], [code, 0.5]])
      for (const w of words(from)) for (const o of stems(w)) counts.set(o, (counts.get(o) || 0) + n);
    return {page, anchor, heading, text, code, counts, head: field(heading.replace(/^\w+\.(?=\w)/, '')), bold: bold.map(field)};
  });
}

// ---- words: case, plural and other endings, and British or American spelling don't matter; neither do underscores and hyphens
const SPELLINGS = [[/is(e|ed|es|er|ers|ing|ation|ations)$/, 'iz$1'], [/(col|neighb|behavi|fav|lab)our/, '$1or'], [/centre/, 'center'],
  [/grey/, 'gray'], [/(label|model|cancel)l/, '$1']];
function stem(word) {
  let w = word.toLowerCase().replace(/[-_]/g, '');
  for (const [from, to] of SPELLINGS) w = w.replace(from, to);
  return w.replace(/(?<=.{4})(ations?|ating|ated|ates?|ings?|ed|ies|es|e|y|(?<!s)s)$/, '').replace(/([bdgmnprt])\1$/, '$1');
}
const WORD = /[\p{L}\p{N}_]+(?:-[\p{L}\p{N}_]+)*/gu;
const parts = word => word.replace(/(\p{Ll})(\p{Lu})/gu, '$1_$2').split(/[-_]+/).filter(o => o);
const stems = word => { const p = parts(word); return p.length > 1 ? [stem(word), ...p.map(stem)] : [stem(word)]; };
const words = text => text.match(WORD) || [];

// ---- how well a term of the query fits the stem of a word: all of it, or its beginning
const fit = (term, o) => o === term ? 1 : term.length > 2 && o.startsWith(term) ? 0.5 + 0.3 * term.length / o.length : 0;

// a field of few words, such as a heading: 1 where it is the query, less where it says more than that
function field(text) {
  const all = words(text);
  return {tokens: all.map(stems), size: all.length};
}
const fits = (f, term) => Math.max(0, ...f.tokens.map(t => Math.max(...t.map((o, i) => fit(term, o) * (i ? 0.8 : 1)))));
function covered(f, terms) {
  const each = terms.map(t => fits(f, t));
  return each.reduce((a, b) => a + b, 0) / Math.max(terms.length, f.size);
}

function inText(piece, term) {  // more occurrences count more, but less and less so
  let n = 0;
  for (const [o, count] of piece.counts) n += count * fit(term, o);
  return n && Math.log2(1 + n);
}

// The pages for a query, best first, each with its pieces, best first
function search(query) {
  const asked = words(query);
  let terms = asked.map(stem);
  if (!terms.length) return [];
  const pairs = asked.slice(1).map((o, i) => stem(asked[i] + o));  // "data loader" finds DataLoader, too
  const found = new Map();
  index.forEach(piece => {
    const [, , , weight] = pages[piece.page];
    const sum = terms.map(t => {
      const few = Math.max(fits(piece.head, t), ...piece.bold.map(b => fits(b, t)), ...titles[piece.page].map(f => fits(f, t)));
      return [few, inText(piece, t)];
    });
    const has = sum.filter(([a, b]) => a || b).length;
    if (!has) return;
    const name = Math.max(0, ...pairs.map(p => fits(piece.head, p)));
    const score = weight * (12 * Math.max(...titles[piece.page].map(f => covered(f, terms))) + 9 * Math.max(covered(piece.head, terms), name)
      + 8 * Math.max(0, ...piece.bold.map(b => covered(b, terms))) + sum.reduce((a, [, b]) => a + b, 0) / terms.length);
    if (!found.has(piece.page)) found.set(piece.page, []);
    found.get(piece.page).push({piece, has, score});
  });
  const results = [...found].map(([page, hits]) => {
    hits.sort((a, b) => b.has - a.has || b.score - a.score);
    return {page, hits, has: hits[0].has, score: hits[0].score + 0.1 * hits.slice(1).reduce((a, h) => a + h.score, 0)};
  });
  const most = Math.max(0, ...results.map(r => r.has));
  return results.filter(r => r.has === most).sort((a, b) => b.score - a.score).map(r => ({...r, all: most === terms.length}));
}

// ---- what a reader sees
const make = (tag, props = {}, ...children) => {
  const o = Object.assign(document.createElement(tag), props);
  o.append(...children);
  return o;
};
const link = ({piece}, ...text) => make('a', {href: `${pages[piece.page][0]}.html${piece.anchor ? '#' + piece.anchor : ''}`}, ...text);

const hits = (text, terms) => [...text.matchAll(WORD)].filter(m => stems(m[0]).some(o => terms.some(t => fit(t, o))));

function marked(text, terms, from = 0, to = text.length) {
  const out = [];
  for (const m of hits(text, terms).filter(m => m.index >= from && m.index + m[0].length <= to)) {
    out.push(text.slice(from, m.index), make('mark', {textContent: m[0]}));
    from = m.index + m[0].length;
  }
  return [...out, text.slice(from, to)];
}

// Some 200 characters around the most words of the query, or, where none stands in the text, those of the code
function excerpt({text, code}, terms) {
  const found = hits(text, terms), coded = found.length ? [] : hits(code, terms);
  if (coded.length) return make('p', {}, 'In the code: ', ...coded.slice(0, 5).flatMap((m, i) => [i ? ', ' : '', make('mark', {textContent: m[0]})]));
  const value = from => new Set(found.filter(m => m.index >= from && m.index < from + 170).map(m => stem(m[0]))).size;
  const first = found.reduce((best, m) => value(m.index) > value(best) ? m.index : best, found.length ? found[0].index : 0);
  const from = first < 60 ? 0 : Math.min(text.indexOf(' ', first - 50) + 1, first);
  const to = from + 210 < text.length ? text.lastIndexOf(' ', from + 210) : text.length;
  return make('p', {}, from ? '… ' : '', ...marked(text, terms, from, to), to < text.length ? ' …' : '');
}

function show(query) {
  const list = document.querySelector('ol.search'), summary = document.querySelector('.search-summary');
  const results = search(query), terms = words(query).flatMap(stems);
  list.replaceChildren(...results.slice(0, 20).map(({page, hits}) => {
    const [best, ...more] = hits, others = more.filter(h => h.has === best.has).slice(0, 3);
    const [, short, title] = pages[page], head = best.piece.heading;
    const item = make('li', {}, link(best, make('strong', {}, ...marked(short, terms)), ...(head === title ? [] : [' › ', ...marked(head, terms)])), excerpt(best.piece, terms));
    if (others.length) item.append(make('p', {className: 'ff-more'}, 'Also: ', ...others.flatMap((h, i) => [i ? ', ' : '', link(h, h.piece.anchor ? h.piece.heading : 'its beginning')])));
    return item;
  }));
  const n = results.length, count = n === 1 ? 'One page' : `${n} pages`;
  summary.textContent = !query.trim() ? '' : !n ? `No page has “${query}”.`
    : results[0].all ? `${count} found for “${query}”.` : `No page has all of “${query}”; ${count.toLowerCase()} found for a part of it.`;
}

const box = document.getElementById('ff-q');
box.value = new URLSearchParams(location.search).get('q') || '';
load().then(() => {
  box.addEventListener('input', () => show(box.value));
  show(box.value);
  if (!box.value) box.focus();
});
