"Where arrows and their texts go: inside the picture, and along boxes of any name."
import re
import pytest
from fastfound.graphs import Graph, gv

pytestmark = pytest.mark.not_numerical

def view(svg):
    "Left, top, right and bottom of the picture"
    x,y,w,h = [float(o) for o in re.search(r'viewBox="([^"]+)"', svg)[1].split()]
    return x,y,x+w,y+h

@pytest.mark.parametrize('source', [
    'a->b->c; a->c[label=far]', 'rankdir=TB; a->b->c; a->c[label=far]', 'a->b->c->a[label=back]', 'rankdir=TB; a->b->a[label=back]',
    'a->a[label=self]', 'a->b[label="a long text on an arrow"]', 'rankdir=TB; a->b[label="a long text on an arrow"]'])
def test_arrows_are_inside_the_picture(source):
    "All points of their curves, and their texts from end to end"
    svg = gv(source)._repr_svg_()
    left,top,right,bottom = view(svg)
    for path in re.findall(r'<path d="M([^"]+)" fill="none"', svg):
        for x,y in re.findall(r'(-?[\d.]+),(-?[\d.]+)', path): assert left<=float(x)<=right and top<=float(y)<=bottom, path
    texts = re.findall(r'<text x="([^"]+)" y="([^"]+)" text-anchor="middle" font-size="11" fill="#808080">([^<]+)<', svg)
    assert texts
    for x,y,text in texts:
        x,y,half = float(x),float(y),3*len(text)
        assert left<=x-half and x+half<=right and top<=y-9 and y+3<=bottom, text

def test_names_of_boxes_may_be_anything():
    "Pairs of numbers, too, as our engine uses them"
    g = Graph([((0,1), (1,1), ''), ((1,1), (2,1), ''), ((0,1), (2,1), 'far'), ((0,2), (2,1), '')], labels={(0,1): 'first'})
    svg = g._repr_svg_()
    assert svg.count('<rect')==4 and svg.count('marker-end')==4 and repr(g).startswith('first -> (1, 1)')

@pytest.mark.parametrize('source, down', [
    ('rankdir=TB; a->b', True), ('rankdir = "bt"; a->b', True),
    ('rankdir=LR; a->b', False), ('a->b[label="TB"]', False), ('a->b', False)])
def test_direction(source, down): assert gv(source).down==down
