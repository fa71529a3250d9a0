"""The road through the book, in one place: sidebar, README, Next links, the picture of the house and the tests read it from here.

Run, it writes the table of the front page, its addresses, and what installs the package, from settings.ini; `--check` only tells
whether they are in step.
"""
import json, os, re, sys
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
NBS = ROOT/'nbs'

# From each chapter to its name, what you build in it, and its side roads
ROAD = {
    '00_datasets': ('Data', 'data, checked and shown', {}),
    '01_matmul': ('Matrix products', 'five matrix products, broadcasting', {'01a_einsum': 'einsum', '01b_kernels': 'kernels'}),
    '02_fully_connected': ('Initialisation', 'layers that stay in scale', {}),
    '03_backprop': ('Backpropagation', 'every gradient by hand', {
        '03a_value': 'autograd', '03b_engine': 'for tensors', '03c_debugging': 'debugging'}),
    '04_mnist_sgd': ('Gradient descent', 'a baseline, a loss, SGD', {}),
    '05_training_loop': ('The Learner', 'one loop with callbacks', {
        '05a_interpret': 'mistakes', '05b_checkpoints': 'checkpoints', '05c_diagnostics': 'a run that fails',
        '05d_distributed': 'many processes'}),
    '06_update_rules': ('Update rules', 'momentum to Muon, schedules', {}),
    '07_resnet': ('Residual networks', 'convolutions, skip connections', {
        '07a_vision': 'pictures', '07b_resnet_by_hand': 'by hand'}),
    '08_overfitting': ('Overfitting', 'five remedies, each measured', {'08a_augment': 'augmentation', '08b_handwriting': 'handwriting'}),
    '09_attention': ('Attention', 'a language model that invents names', {'09a_words': 'words'}),
}
END = 'programs/demo'  # where the road leads after its last chapter
PROGRAMS = ['write_your_own', 'lines_in_order', 'workbook', 'judging', 'demo', 'train', 'doctor', 'cli', 'web', 'all', 'coming', 'figures']

def chapters(): return list(ROAD)

def side_roads(): return [o for _,_,sides in ROAD.values() for o in sides]

def book():
    "Chapters and side roads, in the order in which they can be read"
    return [o for chapter,(_,_,sides) in ROAD.items() for o in (chapter, *sides)]

def library():
    "The rooms that the book stands on, as paths below `nbs` without a suffix"
    return sorted(f'library/{o.stem}' for o in (NBS/'library').glob('*.ipynb'))

def programs(): return [f'programs/{o}' for o in PROGRAMS]

def pages():
    "All pages but the front page, as paths below `nbs` without a suffix: the book, the library, the programs"
    return [*book(), *library(), *programs()]

def following(page):
    "The page to which the first link under Next leads: from a chapter to the next one, and so from its side roads"
    chapter = next(k for k,(_,_,sides) in ROAD.items() if page in (k, *sides))
    return dict(zip(ROAD, [*list(ROAD)[1:], END]))[chapter]

def name(page):
    "The name of a page on the site, and of its module if it has one: `matmul` for `01_matmul`"
    return re.sub(r'^\d+[a-z]?_', '', page.rpartition('/')[2])

def short(page):
    "The name of a page in few words, for lists: `0. Data`, `1a. einsum`, `mixed precision`"
    if page in ROAD: return f'{int(page[:2])}. {ROAD[page][0]}'
    sides = {o: text for _,_,named in ROAD.values() for o,text in named.items()}
    return f"{page.partition('_')[0].lstrip('0')}. {sides[page]}" if page in sides else name(page).replace('_', ' ')

def neighbours(page):
    "The pages before and after a page: along the road, from a side road its chapter and where that leads on, else within the folder"
    if page in side_roads(): return next(k for k,(_,_,sides) in ROAD.items() if page in sides),following(page)
    line = next((o for o in (library(), programs()) if page in o), ['index', *ROAD, END])
    i = line.index(page)
    return [line[j] if 0<=j<len(line) else None for j in (i-1,i+1)]

def path(page): return NBS/f'{page}.ipynb'

def cells(page): return json.loads(path(page).read_text(encoding='utf-8'))['cells']

def source(cell): return ''.join(cell['source'])

def modules():
    "From each module to its page, in the order of `pages`"
    found = {}
    for page in pages():
        for cell in cells(page):
            if m := re.match(r'#\| default_exp (\w+)', source(cell)): found[m[1]] = page
    return found

def to_site(text, but=()):
    "`text` with links to notebooks leading to their pages on the site, without those to pages in `but`"
    address = site(settings())
    def to(m): return m[0] if m[1] in but else f']({address}{name(m[1])}.html'
    return re.sub(r'\]\((?:[\w.]+/)*(\w+)\.ipynb', to, text)

def write(path, nb):
    "Write the notebook `nb` to `path`, whole or not at all"
    spare = path.with_name(f'.{path.stem}.part')
    spare.write_text(text_of(nb), encoding='utf-8')
    os.replace(spare, path)

def text_of(nb): return json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + '\n'

def links(named): return ', '.join(f'[{text}]({page}.ipynb)' for page,text in named.items())

def table():
    "The Markdown of the road for the front page"
    rows = [f'| [{int(page[:2])}. {title}]({page}.ipynb) | {built} | {links(sides)} |' for page,(title,built,sides) in ROAD.items()]
    return '\n'.join(['| chapter | you build | side roads |', '|---|---|---|', *rows, '',
                      f"The book stands on a library: {links({o: name(o).replace('_', ' ') for o in library()})}. "
                      f"On both stand programs: {links({o: short(o) for o in programs()})}."])

def settings(root=ROOT):
    "The settings of the project; the version stands here, and everything else follows"
    config = ConfigParser(delimiters=['='])
    config.read(root/'settings.ini', encoding='utf-8')
    return config['DEFAULT']

def site(cfg): return f"{cfg['doc_host']}{cfg['doc_baseurl']}".rstrip('/') + '/'

def addresses(cfg):
    "From the words of each link that leads from the front page to another host, or to what is not a page, to its address"
    git,branch = cfg['git_url'],cfg['branch']
    return {'Run in Colab': f"https://colab.research.google.com/github/{cfg['user']}/{cfg['repo']}/blob/{branch}/nbs/{chapters()[0]}.ipynb",
            **{o.upper(): f"{site(cfg)}{cfg['lib_name']}.{o}" for o in ('pdf', 'epub')}, 'Repository': git,
            'Ask or report': f'{git}/issues/new/choose', 'CONTRIBUTING': f'{git}/blob/{branch}/.github/CONTRIBUTING.md'}

def commands(cfg):
    "What installs the package, fetches the book, and runs the package without installing it, by how the command begins"
    lib,source = cfg['lib_name'],cfg['install_from']
    quoted,run = (lib, lib) if source==lib else (f'"{source}"', f'--from "{source}" {lib}')
    return {'pip install': f'pip install {quoted}', 'git clone': f"git clone {cfg['git_url']}", 'uvx': f'uvx {run} demo'}

def in_step(text, cfg):
    "The Markdown `text` of the front page with the addresses, the commands and the table that are made here"
    for words,to in addresses(cfg).items(): text = re.sub(rf'\[{words}\]\([^)]*\)', f'[{words}]({to})', text)
    for start,command in commands(cfg).items(): text = re.sub(rf'^{start} .*', command, text, flags=re.M)
    before,path,_ = text.partition('| chapter |')
    return before + table() if path else text

def with_extra(text, cfg):
    "The Markdown `text` with what installs the package and an extra of it, in quotation marks"
    lib = cfg['lib_name']
    return re.sub(rf'"{lib}(\[\w+\])[^"]*"', rf'"{lib}\1{cfg["install_from"].removeprefix(lib)}"', text)

def main(check):
    cfg = settings()
    for page,made in (('index', in_step), ('programs/write_your_own', with_extra)):
        nb = json.loads(path(page).read_text(encoding='utf-8'))
        stale = [(o, text) for o in nb['cells'] if o['cell_type']=='markdown' and (text := made(source(o), cfg))!=source(o)]
        if not stale: continue
        if check: sys.exit(f'out of step with tools/road.py and settings.ini: nbs/{page}.ipynb; run `make export`')
        for cell,text in stale: cell['source'] = text.splitlines(keepends=True)
        write(path(page), nb)

if __name__ == '__main__': main('--check' in sys.argv[1:])
