"""Write .github/house.svg, the modules and what they import from each other, drawn by our own `Graph`.

It is made from the notebooks and modules; `--check` only tells whether it is in step.
"""
import re, sys
import road
from fastfound.graphs import Graph

OUT = road.ROOT/'.github/house.svg'
COLORS = {'library': '#e3e9d8', 'programs': '#f4e3cf'}  # those of the book are blue

def imports(module, known):
    "The modules of the book that a module imports"
    text = (road.ROOT/f'fastfound/{module}.py').read_text(encoding='utf-8')
    return [o for o in known if re.search(rf'^from (fastfound)?\.{o} import|^import fastfound\.{o}\b', text, re.M)]

def direct(graph):
    "`graph` without the imports that a chain of other imports contains, so that the arrows can be followed"
    def reach(o): return set(graph[o]).union(*map(reach, graph[o]))
    return {k: [o for o in v if not any(o in reach(p) for p in v)] for k,v in graph.items()}

def build():
    "The picture as text: the one import, which has them all, is left out"
    pages = {module: page for module,page in road.modules().items() if module!='all'}
    graph = direct({o: imports(o, pages) for o in pages})
    edges = [(o, module, '') for module,needs in graph.items() for o in needs]
    def label(module, page): return module if '/' in page else f"{page.partition('_')[0].lstrip('0') or '0'} {module}"
    labels = {module: label(module, page) for module,page in pages.items()}
    colors = {module: COLORS[page.partition('/')[0]] for module,page in pages.items() if '/' in page}
    return Graph(edges, labels, colors)._repr_svg_() + '\n'

def main(check):
    text = build()
    if OUT.exists() and OUT.read_text(encoding='utf-8')==text: return
    if check: sys.exit(f'out of step with the notebooks: {OUT.relative_to(road.ROOT)}; run `make export`')
    OUT.write_text(text, encoding='utf-8')

if __name__ == '__main__': main('--check' in sys.argv[1:])
