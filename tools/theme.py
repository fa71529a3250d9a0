"""What Sphinx needs to know beside its settings.

Formulas become MathML, which a browser draws without a script; pages say what they are to those who link to them, have a list of pages
in parts that fold and lead along the road; and what can be searched is a script.
"""
import html, json, keyword, re, zlib
from base64 import b64encode
from pathlib import Path
from docutils import nodes
from latex2mathml.converter import convert

def mathml(self, node, display):
    self.body.append(f'<div class="ff-math" tabindex="0">{convert(node.astext(), display="block")}</div>'
                     if display else convert(node.astext()))

def inline(self, node):
    mathml(self, node, False)
    raise _skip()

def block(self, node):
    mathml(self, node, True)
    raise _skip()

def _skip():
    from docutils.nodes import SkipNode
    return SkipNode()

def describe(app, page, template, context, doctree):
    "What a link to this page shows elsewhere"
    cfg = app.config.html_context
    if page=='index': context |= {'title': f"{app.config.project}: {cfg['about'][page].partition(':')[0]}", 'docstitle': ''}
    title,about = html.escape(context.get('title') or app.config.project),html.escape(cfg['about'].get(page, cfg['about']['index']))
    values = {'og:title': title, 'og:description': about, 'og:type': 'article',
              'og:url': f"{cfg['site']}{page}.html", 'og:image': f"{cfg['site']}_static/card.png", 'og:site_name': app.config.project,
              'og:image:width': 1200, 'og:image:height': 630, 'twitter:card': 'summary_large_image'}
    context['metatags'] = (context.get('metatags', '') + f'<meta name="description" content="{about}">' +
                           ''.join(f'<meta property="{k}" content="{v}">' for k,v in values.items()))

def guide(app, page, template, context, doctree):
    "The list of pages in parts, of which that of this page is open, and the pages before and after it"
    context.pop('toctree', None)  # the theme would make a list of its own
    marks = 'sphinx_highlight.js'  # what Sphinx's own search would need
    context['script_files'] = [o for o in context['script_files'] if marks not in str(getattr(o, 'filename', o))]
    short = {o: name for _,pages in context['parts'] for o,name in pages} | {'index': 'Home'}
    context['open_part'] = next((part for part,pages in context['parts'] if page in dict(pages)), context['parts'][0][0])
    for key,other in zip(('prev','next'), context['around'].get(page, (None, None))):
        context[key] = other and {'link': context['pathto'](other), 'title': short[other]}

DEFINED = re.compile(r'class="ff-def" id="([^"]+)"><code>([^<]+)</code>')

def words(node):
    "The text of a paragraph without HTML, with dots for formulas"
    texts = [o for o in node.findall(nodes.Text) if not isinstance(o.parent, nodes.raw)]
    return ' '.join(''.join('…' if isinstance(o.parent, nodes.math) else o for o in texts).split())

def purpose(name, node):
    "What the definition of `name` is for: the paragraph that comes after it, or the docstring in its source"
    if isinstance(node, nodes.paragraph): return words(node)
    m = re.search(rf'(?:def|class) {name.rpartition(".")[2]}\b.*?^ +"([^\n]+)"$', node.astext(), re.M|re.S)
    return m[1] if m else ''

def pieces(doctree):
    "The parts of a page that a search can lead to, sections and definitions: anchor, heading, terms in bold, text, and words of code"
    found,sections,named = [],[],[]
    def visit(node):
        if named and isinstance(node, (nodes.paragraph, nodes.literal_block)):
            found.extend([anchor, name, [], purpose(name, node), set()] for anchor,name in named)
            named.clear()
        if isinstance(node, nodes.section):
            sections.append([node['ids'][0] if sections else '', node[0].astext(), [], '', set()])
            found.append(sections[-1])
        if isinstance(node, nodes.raw):
            if m := DEFINED.search(node.astext()): named.append(m.groups())
        elif isinstance(node, nodes.literal_block): sections[-1][4].update(re.findall(r'[^\W\d]\w{3,}', node.astext()))
        elif isinstance(node, nodes.paragraph):
            sections[-1][2].extend(o for b in node.findall(nodes.strong) if re.search('[a-z]', o := b.astext()))
            sections[-1][3] += f' {words(node)}'
        elif not isinstance(node, nodes.title):
            for child in node.children: visit(child)
    visit(doctree)
    for anchor,heading,bold,text,code in found:
        yield [anchor, heading, bold, text.strip(), ' '.join(sorted(code - set(re.findall(r'\w+', text)) - set(keyword.kwlist)))]

def write_index(app, error):
    "What can be searched, packed and as a script, since a page that was opened from a file can fetch nothing"
    if error: return
    known = app.config.html_context['searched']
    found = [[i, *o] for i,page in enumerate(known) for o in pieces(app.env.get_doctree(page))]
    pages = [[page, short, app.env.titles[page].astext(), weight] for page,(short,weight) in known.items()]
    text = json.dumps({'pages': pages, 'pieces': found}, ensure_ascii=False, separators=(',', ':'))
    packed = b64encode(zlib.compress(text.encode(), 9)).decode()
    (Path(app.outdir)/'search_index.js').write_text(f'window.fastfoundIndex = "{packed}";\n', encoding='utf-8')

def search(app):
    "The page to search on, in the place of that of Sphinx, whose results have no excerpts where pages are opened from files"
    if app.builder.name=='html': yield 'search', {}, 'search.html'

def start(app):
    if app.builder.name!='html': return
    app.builder.search = False
    app.connect('html-page-context', describe)
    app.connect('html-page-context', guide, priority=100)  # before the theme
    app.connect('build-finished', write_index)

def setup(app):
    app.add_html_math_renderer('mathml', (inline, None), (block, None))
    app.connect('builder-inited', start)
    app.connect('html-collect-pages', search)
    return {'parallel_read_safe': True, 'parallel_write_safe': True}
