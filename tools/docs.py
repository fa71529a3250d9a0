"""Build the site in _docs from the notebooks and their stored outputs: nbdev's processors, then smalldocs. No Quarto, and pages that load nothing from elsewhere.

It is built in a copy of the project: nbdev finds no notebooks below a folder whose name begins with a dot, and the old site stays until the new one is whole.

The notebooks stay a plain nbdev and Quarto project. What is mended here: page names, links to our own site (relative, so that
pages work from any folder), links inside code blocks, formulas (MathML in place of a script from another host), fonts.
"""
import html, json, os, re, shutil, subprocess, sys, tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from latex2mathml.converter import convert
from nbdev.config import get_config
from nbdev.quarto import nbdev_sidebar, refresh_quarto_yml
from nbdev.serve import proc_nbs
from readme import joined

cfg = get_config()
root,out = cfg.config_path,cfg.config_path/cfg.doc_path.name
site = f'{cfg.doc_host}{cfg.doc_baseurl}'.rstrip('/') + '/'

def unlink(md):
    "`md` with the links inside its code blocks turned back into names"
    return re.sub(r'^```.*?^```', lambda m: re.sub(r'\[`([^`]+)`\]\([^)]*\)', r'`\1`', m[0]), md, flags=re.M|re.S)

def page_name(nb):
    "The name that nbdev's links use for the page of `nb`, or None; it is taken out of the front matter"
    first = nb['cells'][0]
    source = joined(first['source'])
    m = first['cell_type']=='raw' and re.search(r'^output-file:\s*(\S+)\.html\n', source, re.M)
    if not m: return None
    first['source'] = source.replace(m[0], '')
    return m[1]

def prepare(src):
    "Give the pages in `src` the names that links use, and make links to our own site relative"
    nbs = {p: json.loads(p.read_text(encoding='utf-8')) for p in src.rglob('*.ipynb')}
    names = {p.stem: name for p,nb in nbs.items() if (name := page_name(nb))}
    def mend(md):
        for old,new in names.items(): md = md.replace(f']({old}.ipynb', f']({new}.ipynb')
        return md.replace(site, '')
    for p,nb in nbs.items():
        for c in nb['cells']:
            if c['cell_type']!='code': c['source'] = mend(joined(c['source']))
            for o in c.get('outputs', []):
                data = o.get('data', {})
                if 'text/markdown' in data: data['text/markdown'] = unlink(mend(joined(data['text/markdown'])))
        p.unlink()
        p.with_name(f'{names.get(p.stem, p.stem)}.ipynb').write_text(json.dumps(nb), encoding='utf-8')
    sidebar = src/'sidebar.yml'
    text = sidebar.read_text(encoding='utf-8')
    for old,new in names.items(): text = text.replace(f'{old}.ipynb', f'{new}.ipynb')
    sidebar.write_text(text, encoding='utf-8')

def mathml(m):
    "A formula as smalldocs writes it, in MathML"
    display,tex = m[1],re.sub(r'^\\[(\[]|\\[)\]]$', '', html.unescape(m[2]).strip())
    return convert(tex, display='block' if display=='display' else 'inline')

def settle(page):
    "Let the HTML file `page` need nothing from elsewhere"
    text = page.read_text(encoding='utf-8')
    text = re.sub(r'<span class="math (inline|display)">(.*?)</span>', mathml, text, flags=re.S)
    text = re.sub(r'<link[^>]*katex[^>]*>|<script[^>]*katex[^>]*></script>', '', text)
    page.write_text(text, encoding='utf-8')

class Page(HTMLParser):
    "The ids of a page, what it links to and what it loads"
    def __init__(self, text):
        super().__init__()
        self.ids,self.links,self.loads = set(),[],[]
        self.feed(text)
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.ids |= {a[k] for k in ('id','name') if a.get(k)}
        loads = tag in ('script','img','link','iframe') and a.get('rel')!='canonical'
        (self.loads if loads else self.links).extend(a[k] for k in ('href','src') if a.get(k))

def problems(out):
    "What is broken on the site in `out`: links, anchors, and whatever would be loaded from another host"
    pages = {p: Page(p.read_text(encoding='utf-8')) for p in out.rglob('*.html')}
    for p,page in pages.items():
        for url in page.links + page.loads:
            u = urlsplit(url)
            if u.scheme or u.netloc:
                if url in page.loads and u.scheme!='data': yield f'{p.name} loads {url}'
                continue
            target = (p.parent/unquote(u.path)).resolve() if u.path else p
            if target.is_dir(): target /= 'index.html'
            if not target.exists(): yield f'{p.name} links to {url}, which is not there'
            elif u.fragment and target in pages and unquote(u.fragment) not in pages[target].ids: yield f'{p.name} links to {url}, which has no such anchor'
        yield from (f'{p.name} fetches {o}' for o in re.findall(r"""(?:from|import\()\s*['"](https?://[^'"]+)""", p.read_text(encoding='utf-8')))
    for css in out.rglob('*.css'):
        if '@import url(http' in css.read_text(encoding='utf-8', errors='ignore'): yield f'{css.name} imports from another host'

def build():
    "Build the site of this copy of the project; the number of problems"
    refresh_quarto_yml()
    nbdev_sidebar.__wrapped__(path=cfg.nbs_path, file_re=r'\.ipynb$', file_glob=None)
    src = root/'_site_src'
    shutil.copytree(proc_nbs(cfg.nbs_path, force=True, file_glob='', file_re=''), src)
    prepare(src)
    r = subprocess.run([sys.executable, '-m', 'smalldocs.cli', 'render', str(src)])
    if r.returncode: sys.exit(r.returncode)
    shutil.move(src/out.name, out)
    for css in out.rglob('*.css'):
        text = css.read_text(encoding='utf-8')
        css.write_text(re.sub(r'@import url\([^)]*\);?', '', text), encoding='utf-8')
    pages = sorted(out.rglob('*.html'))
    for p in pages: settle(p)
    bad = sorted(set(problems(out)))
    print(*bad, f'{len(pages)} pages in {out.name}, {len(bad)} problems', sep='\n')
    return len(bad)

def main():
    "Build the site in a copy, and put it in place of the old one"
    with tempfile.TemporaryDirectory(prefix='fastfound_docs_') as tmp:
        copy = Path(tmp)/'project'
        shutil.copytree(root, copy, ignore=lambda folder,names: [o for o in names if o.startswith(('.', '_')) and Path(folder)==root or o=='__pycache__'])
        r = subprocess.run([sys.executable, copy/'tools/docs.py', '--here'], cwd=copy, env={**os.environ, 'PYTHONPATH': str(copy)})
        if (copy/out.name).exists():
            shutil.rmtree(out, ignore_errors=True)
            shutil.move(copy/out.name, out)
    sys.exit(r.returncode)

if __name__ == '__main__':
    if '--here' in sys.argv: sys.exit(bool(build()))
    main()
