"Write .github/house.svg, the modules of the book and what they import from each other, from the notebooks and modules; `--check` only tells whether it is in step."
import re, sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUT = ROOT/'.github/house.svg'
WIDTH,HEIGHT,STEP,ROW = 128,30,152,52  # of a box, and from one box to the next
STYLE = '''text { font: 13px system-ui, sans-serif; fill: #1f2328 } rect { fill: #ddf4ff; stroke: #0969da } .side rect { fill: #f6f8fa; stroke: #818b98 } path { fill: none; stroke: #59636e; stroke-opacity: .35 } .road { stroke: #0969da; stroke-opacity: 1; stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } rect { fill: #0c2d6b; stroke: #4493f8 } .side rect { fill: #212830; stroke: #9198a1 } path { stroke: #9198a1 } .road { stroke: #4493f8 } }'''

def pages():
    "From each module to the number of its page, such as `05a`, in the order of the book"
    found = {}
    for path in sorted((ROOT/'nbs').glob('[0-9]*.ipynb')):
        if m := re.search(r'#\| default_exp (\w+)', path.read_text(encoding='utf-8')): found[m[1]] = path.stem.partition('_')[0]  # a page without a module is no room
    return found

def imports(module, known):
    "The modules of the book that a module imports"
    text = (ROOT/f'fastfound/{module}.py').read_text(encoding='utf-8')
    return [o for o in known if re.search(rf'^from (fastfound)?\.{o} import', text, re.M)]

def direct(graph):
    "`graph` without the imports that a chain of other imports contains, so that the arrows can be followed"
    def reach(o): return set(graph[o]).union(*map(reach, graph[o]))
    return {k: [o for o in v if not any(o in reach(p) for p in v)] for k,v in graph.items()}

def places(numbers):
    "The corner of each box: chapters from left to right, the side roads of each below it"
    found,below = {}, {}
    for module,number in numbers.items():
        below[number[:2]] = row = below.get(number[:2], -1) + 1
        found[module] = (24 + int(number[:2])*STEP, 10 + row*ROW)
    return found

def arrow(a, b, kind='import'):
    "From the box at `a` to the box at `b`"
    (x0,y0),(x1,y1) = a,b
    if x0==x1: return f'<path d="M{x0} {y0+HEIGHT/2} C{x0-16} {y0+HEIGHT/2} {x0-16} {y1+HEIGHT/2} {x1} {y1+HEIGHT/2}" marker-end="url(#tip)"/>'
    if x1<x0: x0,x1 = x0-WIDTH,x1+WIDTH  # the side roads of chapter 0 serve every chapter
    x0 += WIDTH
    bend = (x1-x0)/2
    return f'<path class="{kind}" d="M{x0} {y0+HEIGHT/2} C{x0+bend} {y0+HEIGHT/2} {x1-bend} {y1+HEIGHT/2} {x1} {y1+HEIGHT/2}" marker-end="url(#tip)"/>'

def box(module, number, x, y):
    kind = 'chapter' if len(number)==2 else 'side'
    label = escape(f'{number.lstrip("0") if number[:2]!="00" else number[1:]} {module}')
    return f'<g class="{kind}"><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/><text x="{x+WIDTH/2}" y="{y+20}" text-anchor="middle">{label}</text></g>'

def build():
    "The picture as text: imports of the one-import module, which has them all, are left out"
    numbers = pages()
    at = places(numbers)
    width,height = max(x for x,_ in at.values())+WIDTH+10, max(y for _,y in at.values())+HEIGHT+10
    graph = direct({o: imports(o, numbers) for o in numbers if o!='all'})
    arrows = [arrow(at[o], at[module]) for module,needs in graph.items() for o in needs]
    road = [o for o,number in numbers.items() if len(number)==2]
    arrows += [arrow(at[a], at[b], kind='road') for a,b in zip(road, road[1:])]
    boxes = [box(module, number, *at[module]) for module,number in numbers.items()]
    tip = '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8" style="stroke-opacity:1"/></marker></defs>'
    return '\n'.join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">', '<title>The modules of fastfound and what they import</title>',
                      f'<style>{STYLE}</style>', tip, *arrows, *boxes, '</svg>\n'])

def main(check):
    text = build()
    if OUT.exists() and OUT.read_text(encoding='utf-8')==text: return
    if check: sys.exit(f'out of step with the notebooks: {OUT.relative_to(ROOT)}; run `make export`')
    OUT.write_text(text, encoding='utf-8')

if __name__ == '__main__': main('--check' in sys.argv[1:])
