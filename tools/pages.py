"A notebook, as nbdev prepared it for a site, as a page of Markdown for Sphinx: the prose as it stands, the code, and what it shows."
import ast, base64, html, inspect, io, re
from importlib import import_module
from urllib.parse import quote
import yaml
from docutils.nodes import make_id
from PIL import Image
from llms import prediction
from readme import joined

SHOWN = re.compile(r'---\n\n(?:\[source\]\((?P<source>[^)]*)\)[^\n]*\n\n)?#+ (?P<name>[^\n]+)\n\n'
                   r'```python\n(?P<signature>.*?)\n```\n*(?P<doc>.*)', re.S)

def fence(text, kind):
    "`text` as a block of code; the fence is longer than any in it"
    ticks = '`'*max(3, 1+max(map(len, re.findall('`+', text)), default=0))
    return f'{ticks}{kind}\n{text}\n{ticks}'

def raw(text): return fence(text, '{raw} html')

def folded(title, *parts): return [raw(f'<details class="ff-fold"><summary>{html.escape(title)}</summary>'), *parts, raw('</details>')]

def options(source):
    "The `#|` lines of a cell as a dict, and its other lines"
    found = dict(re.findall(r'^#\|\s*([\w-]+)\s*:?\s*(.*)$', source, re.M))
    return {k: v.strip('"') for k,v in found.items()}, re.sub(r'^#\|.*\n?', '', source, flags=re.M).strip('\n')

def only_imports(source):
    "Whether some Python code does nothing but import"
    try: body = ast.parse(source).body
    except SyntaxError: return False
    return bool(body) and all(isinstance(o, (ast.Import, ast.ImportFrom)) for o in body)

def is_plot(png):
    "Whether most of a picture is white paper, so that a dark page may show it inverted"
    small = Image.open(io.BytesIO(png)).convert('RGBA').resize((60,60))
    return sum(a<8 or min(r,g,b)>245 for r,g,b,a in small.getdata())>0.45*3600

def named(svg, opts):
    "An SVG with the description that the cell gives"
    svg = re.sub(r'<\?xml.*?\?>|<!DOCTYPE.*?>', '', svg, flags=re.S).strip()
    return svg if 'aria-label' in svg[:svg.find('>')] else svg.replace(
        '<svg', f'<svg role="img" aria-label="{html.escape(opts.get("fig-alt") or "A diagram")}"', 1)

def legible(text):
    "HTML with the text of cells shaded by pandas in black or white, whichever stands out more"
    def luminance(rgb): return sum(k*((v/255+.055)/1.055)**2.4 for k,v in zip((.2126,.7152,.0722), bytes.fromhex(rgb)))
    return re.sub(r'background-color: #(\w{6});\s*color: #\w{6}',
                  lambda m: f'background-color: #{m[1]}; color: {"#000" if luminance(m[1])>.18 else "#fff"}', text)

def inlined(text):
    "HTML in which the cells that pandas shades carry their style, where a page keeps no sheet of styles; the other styles and scripts go"
    styles = {}
    for names,style in re.findall(r'([^{}]+)\{([^}]*)\}', ' '.join(re.findall(r'<style\b.*?</style>', text, re.S))):
        styles |= dict.fromkeys(re.findall(r'#(T_\w+)', names), ' '.join(style.split()))
    text = re.sub(r'<(script|style)\b.*?</\1>', '', text, flags=re.S)
    return re.sub(r' id="(T_\w+)"', lambda m: f' style="{styles[m[1]]}"' if m[1] in styles else '', text)

def paper_question(asked, choices):
    "A question and its choices, on paper"
    return (f'<div class="ff-html ff-predict"><p><strong>Predict before you read on.</strong> {asked}</p>'
            f'<ul>{"".join(f"<li>{o}</li>" for o in choices)}</ul>'
            '<p>The answer stands at the end of this chapter, under “Predictions”.</p></div>')

def one_id_each(text):
    "Markdown in which a definition has no id where a heading or an earlier definition has the same"
    used = {make_id(o) for o in re.findall(r'^#+ (.+)$', text, re.M)}
    def once(m):
        taken = m[2] in used
        used.add(m[2])
        return m[1] if taken else m[0]
    return re.sub(r'(class="ff-(?:def|at)") id="([^"]+)"', once, text)

class Pages:
    "Writes pages: links lead to the page, with `suffix`, that the dict `names` has for a notebook, and pictures go to the folder `images`"
    def __init__(self, names, images, site, suffix='.html', scripts=True):
        self.names,self.images,self.site,self.suffix,self.scripts = names,images,site,suffix,scripts

    def links(self, text):
        "Make links to notebooks and to our own site relative"
        stems = {nb.rpartition('/')[2]: page for nb,page in self.names.items()}
        text = re.sub(r'\]\((?:[\w.]+/)*(\w+)\.ipynb', lambda m: f']({stems[m[1]]}{self.suffix}' if m[1] in stems else m[0], text)
        text = re.sub(rf'{re.escape(self.site)}(\w+\.(?:pdf|epub))', r'\1', text)
        return re.sub(rf'{re.escape(self.site)}(?:\w+/)?([\w.]+)\.html', rf'\1{self.suffix}', text)

    def picture(self, data, name, alt):
        png = base64.b64decode(joined(data))
        (self.images/f'{name}.png').write_bytes(png)
        return (f'```{{image}} images/{name}.png\n:alt: {alt or "The output of the code above"}\n'
                f':width: {Image.open(io.BytesIO(png)).width}px\n:class: {"ff-plot" if is_plot(png) else "ff-picture"}\n```')

    def shown(self, o, name, opts):
        "What a cell shows, as Markdown"
        data = o.get('data', {})
        if 'text/markdown' in data: return self.links(joined(data['text/markdown']))
        if 'text/latex' in data: return f"$${joined(data['text/latex']).strip().strip('$').removeprefix(chr(92)+'displaystyle')}$$"
        if 'image/svg+xml' in data:
            return raw(f'<div class="ff-html" tabindex="0">'
                       f'{named(joined(data["image/svg+xml"]), opts).replace("arrow", f"arrow-{name}")}</div>')
        if 'text/html' in data:
            text = legible(joined(data['text/html'])).replace('&nbsp;', '&#160;')
            if not self.scripts: text = inlined(text)
            if not self.scripts and 'data-explorable' in text:
                address = f'{self.site}{self.on}.html'
                text += f'<p class="ff-try">This figure answers at <a href="{address}">{address}</a>.</p>'
            if not self.scripts and (asked := prediction(text)):
                self.predicted.append(asked)
                return raw(paper_question(*asked[:2]))
            scrolls = '' if 'data-explorable' in text or 'class="ff-predict"' in text else ' tabindex="0"'
            return raw(f'<div class="ff-html"{scrolls}>{text}</div>')
        if 'image/png' in data: return self.picture(data['image/png'], name, opts.get('fig-alt'))
        text = joined(o.get('text') or data.get('text/plain') or '').rstrip()
        return raw(f'<pre class="ff-out" tabindex="0">{html.escape(text)}</pre>') if text else ''

    def code(self, cell):
        "A code cell and its outputs"
        opts,source = options(joined(cell['source']))
        parts = [fence(source, 'python')] if source and opts.get('echo')!='false' else []
        if opts.get('code-fold')=='true': parts = folded(opts.get('code-summary') or 'Code', *parts)
        elif self.folds and only_imports(source): parts = folded('Imports', *parts)
        if opts.get('output')=='false': return parts
        return parts + [text for i,o in enumerate(cell.get('outputs', [])) if (text := self.shown(o, f'{cell["id"]}-{i}', opts))]

    def definition(self, doc, taught):
        "A definition: its name, for links, and, unless its source stands below, that if short, else signature, purpose and folded source"
        name = doc['name'].replace('\\', '')
        source = f'<a href="{html.escape(doc["source"])}">source</a>' if doc['source'] else ''
        def id_of(name): return f'id="{quote(name.lower(), safe="._")}"'
        within = ''.join(f'<a class="ff-at" {id_of(f"{name}.{o}")}></a>' for o in self.methods(name))
        bar = raw(f'<div class="ff-def" {id_of(name)}><code>{html.escape(name)}</code>{source}{within}</div>')
        if taught: return [bar]
        text = '' if 'Call self as a function' in doc['doc'] else self.links(doc['doc']).strip().strip('*')
        code = self.source(name)
        if code and code.count('\n')<8: return [bar, fence(code, 'python')]
        signature = fence(re.sub(r'\[`([^`]+)`\]\([^)]*\)', r'`\1`', doc['signature']), 'python')
        return [bar, text, signature, *(folded('Source', fence(code, 'python')) if code else [])]

    def source(self, name):
        "The source of a name of this page's module, where it has one"
        obj = self.module
        try:
            for part in name.split('.'): obj = getattr(obj, part)
            return inspect.getsource(inspect.unwrap(obj)).rstrip()
        except (AttributeError, TypeError, OSError): return ''

    def methods(self, name):
        "The names of the methods that the class `name` of this page's module defines in its own source; none for a function"
        source = self.source(name)
        found = ast.parse(source).body[0] if source.startswith(('class ', '@')) else None
        body = found.body if isinstance(found, ast.ClassDef) else []
        return [o.name for o in body if isinstance(o, ast.FunctionDef) and not o.name.startswith('_')]

    def page(self, nb, name, first=(), head=()):
        "The Markdown of the notebook `nb`, called `name`; `first` comes below its title, `head` below its promise"
        front = yaml.safe_load(joined(nb['cells'][0]['source']).strip().strip('-')) if nb['cells'][0]['cell_type']=='raw' else {}
        self.folds = name!='index'  # the import on the front page is what it is about
        self.on = self.names[name]
        try: self.module = import_module(f'fastfound.{self.on}')
        except ImportError: self.module = None
        self.predicted = []  # questions whose answers a book has at the end of the page
        real = False  # in the part that a first reader can skip
        parts,found = [f"# {front['title']}", *first,
                       *([f"{{.ff-lead}}\n{front['description'].rstrip('.')}."] if front.get('description') else []), *head],[]
        for cell in nb['cells'][1:]:
            if cell['cell_type']=='markdown':
                text = joined(cell['source']).strip()
                for heading in re.findall('^## (.+)', text, re.M): real = heading=='For real use'
                left_out = '<!-- WARNING' if self.scripts else ('<!-- WARNING', '<div class="ff-buttons">')  # a book has no buttons
                if not text.startswith(left_out): parts.append(self.links(text))
            elif cell['cell_type']=='code':
                docs = [SHOWN.fullmatch(joined(o['data']['text/markdown'])) for o in cell.get('outputs', [])
                        if 'show_doc(' in joined(cell['source']) and 'text/markdown' in o.get('data', {})]
                if docs and all(docs):  # by the name that is asked for, which a decorator does not change
                    asked = re.findall(r'show_doc\(([\w.]+)', joined(cell['source']))
                    found += [{**m.groupdict(), 'name': o} for m,o in zip(docs, asked)]
                    continue
                taught = options(joined(cell['source']))[0].get('code-summary')=='Exported source'
                for d in found: parts += self.definition(d, taught)
                found = []
                if taught: cell = {**cell, 'source': re.sub(r'^#\| code-(fold|summary):.*\n', '', joined(cell['source']), flags=re.M)}
                shown = self.code(cell)
                n = options(joined(cell['source']))[1].count('\n')+1
                parts += [*folded(f'Source, {n} lines', shown[0]), *shown[1:]] if taught and real and n>10 else shown
            if cell['cell_type']=='markdown' and found:
                text = parts.pop()
                for d in found: parts += self.definition(d, False)
                parts,found = [*parts, text],[]
        for d in found: parts += self.definition(d, False)
        if self.predicted: parts += ['## Predictions', *(raw(f'<p><em>{asked}</em> {told}</p>') for asked,_,told in self.predicted)]
        return front, one_id_each('\n\n'.join(o for o in parts if o) + '\n')
