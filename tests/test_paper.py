"Ink is found on paper of all kinds: a window's maximum and minimum, local brightness, printed lines, parts, and blank sheets."
import random
import pytest, torch
import numpy as np
from PIL import Image
from drawings import PAPERS, dark_drawings, photograph
from fastfound.datasets import get_mnist
from fastfound.handwriting import DigitReader, basic_ink
from fastfound.images import BlankPicture
from fastfound.paper import closing, dilate, extract_ink, local_paper, reduced

pytestmark = pytest.mark.not_numerical

def grey(im): return torch.from_numpy(np.array(im.convert('L')))

@pytest.mark.parametrize('rows, cols', [(0,0), (1,0), (0,2), (3,5), (20,1)])
def test_dilation(rows, cols):
    "The maximum of each window, as a loop finds it"
    x = torch.rand(9, 12, generator=torch.Generator().manual_seed(0))
    want = [[x[max(i-rows,0):i+rows+1,max(j-cols,0):j+cols+1].max() for j in range(12)] for i in range(9)]
    assert torch.equal(dilate(x, rows, cols), torch.tensor(want))

def test_closing_erases_what_fits_into_the_window():
    x = torch.ones(30,40)
    x[10:14,5:35],x[20:28,10:18] = 0,0
    assert torch.equal(closing(x, 2, 2)[:17], torch.ones(17,40)) and (closing(x, 2, 2)[21:27,11:17]==0).all()

@pytest.mark.parametrize('h, w', [(40,60), (60,40), (3,50), (1,40)])
def test_slopes_and_edges_are_paper(h, w):
    for x in (torch.linspace(1, .5, w).expand(h,w), torch.linspace(.5, 1, w).expand(h,w), (torch.arange(w)<w//2).float().expand(h,w)):
        for o in (x, x.T): assert torch.allclose(local_paper(o, 6), o)

def own(photos, drawings):
    "How many of `photos` look like the drawing that they show, and not like another one, when they are framed"
    read = DigitReader()
    a,b = [torch.stack([read(o) for o in some]).flatten(1)/255 for some in (photos, drawings)]
    return (torch.cdist(a, b).argmin(1)==torch.arange(len(a))).sum()

SEVERAL = ('fall','shadow','noise','jpeg','blue'),('squared','fall','noise')

@pytest.mark.parametrize('kinds', [*((o,) for o in PAPERS), *SEVERAL], ids='+'.join)
def test_the_same_digit_on_any_paper(kinds):
    rng,drawings = random.Random(1),[im for _,im in dark_drawings(3, 30)[10:]]
    assert own([photograph(im, rng, *kinds) for im in drawings], drawings)>=19

def test_light_ink_in_falling_light():
    "Chalk on a board: the light falls by half"
    drawings = [im for _,im in dark_drawings(5, 30)[10:]]
    light = [(255-grey(im))*.6+50 for im in drawings]
    assert own([(o*torch.linspace(1, .5, o.shape[1])).byte() for o in light], drawings)>=19

def test_even_paper_needs_no_local_estimate():
    "There the lesson's one number gives the same"
    for _,im in dark_drawings(6, 12): assert ((basic_ink(grey(im))-extract_ink(grey(im))).abs()<.02).float().mean()>.99
    for x in get_mnist('sample').x_test[:50]: assert (basic_ink(x)-extract_ink(x)).abs().mean()<.01

@pytest.mark.parametrize('size', [(200,150), (60,80), (500,400), (30,20)])
@pytest.mark.parametrize('kind', ['even','fall','half','shadow','noise'])
def test_blank_sheets(kind, size):
    "However the light falls, and with the noise of a camera"
    rng = random.Random(2)
    for _ in range(5):
        photo = photograph(Image.new('L', size, 255), rng, kind)
        if kind=='noise' and min(size)<60: continue  # too few pixels to tell noise from ink
        with pytest.raises(BlankPicture, match='got a blank picture'): extract_ink(grey(photo))

def test_dark_lines_are_cut_out():
    "Lines as dark as the ink: what crosses them stays, and a single one is not taken for paper"
    x = torch.full((150,120), 230).byte()
    x[20:130,60:66] = 20
    alone = extract_ink(x)
    for y in (15,50,85,120): x[y:y+2] = 20
    ink = extract_ink(x)
    assert ((ink>.5)==(alone>.5))[20:130].float().mean()>.99 and ink[:,:50].max()==0
    bar = torch.full((60,20), 230).byte()
    bar[:,8:11] = 20
    assert torch.equal(extract_ink(bar)>.5, bar<100)

def test_dust_and_the_edge_of_the_sheet_are_left_out():
    x = torch.full((150,120), 230).byte()
    x[40:110,60:68] = 20
    want = extract_ink(x)
    x[10:12,10:12],x[:,:5] = 20,60
    assert torch.equal(extract_ink(x)>0, want>0)

def test_large_pictures_are_made_smaller():
    same = (100,200),(511,400),(4000,3)
    for shape,want in (*zip(same, same), ((512,400), (256,200)), ((3000,4000), (200,266))):
        assert reduced(torch.zeros(shape).byte()).shape==want
