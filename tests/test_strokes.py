"The generator of drawn digits: the same seed, the same digits; framed as MNIST's; in many forms, pens and widths."
import pytest, torch
import numpy as np
from fastfound import strokes
from fastfound.strokes import Hand, arc, bow, join, no_digits, stroke_digits

pytestmark = pytest.mark.not_numerical

def test_curves():
    "Ovals, diamonds and rectangles by one number; parabolas that start and end where they should"
    a = arc(1+2j, 3, 4, 0, 360)-(1+2j)
    assert np.allclose((a.real/3)**2+(a.imag/4)**2, 1) and np.allclose(a[[0,6,12]], [3,4j,-3])
    assert np.allclose(np.abs(arc(0, 1, 1, 0, 90, corner=1).real)+arc(0, 1, 1, 0, 90, corner=1).imag, 1)
    assert np.abs(arc(0, 1, 1, 30, 60, corner=50)).min()>.99*2**.5*.95
    assert np.allclose(bow(0, 2j, .25)[[0,6,12]], [0,1j-.5,2j]) and np.allclose(bow(1, 3)[6], 2)
    assert len(join([], 1j, bow(0, 1)))==14

@pytest.fixture(scope='module')
def drawn(): return stroke_digits(300, 7)

def test_as_mnist(drawn):
    "White on black, in a box of twenty pixels, with the centre of mass in the middle"
    x,y = drawn
    assert x.shape==(300,28,28) and y.bincount().tolist()==[30]*10 and 0<=x.min() and x.max()<=1 and x.flatten(1).amax(1).min()>.8
    rows,cols = [(x.amax(d)>.2).sum(1) for d in (2,1)]
    assert 18<=torch.maximum(rows, cols).min() and torch.maximum(rows, cols).max()<=22 and x[:,[0,-1]].mean()<.01
    r = torch.arange(28.)
    for d in (1,2): assert ((x.sum(d)*r).sum(1)/x.sum((1,2))-13.5).abs().mean()<.6

def test_seeds(drawn):
    assert torch.equal(stroke_digits(20, 3)[0], stroke_digits(20, 3)[0]) and torch.equal(no_digits(20, 3), no_digits(20, 3))
    assert not torch.equal(stroke_digits(20, 3)[0], stroke_digits(20, [3,1])[0])
    state = torch.get_rng_state()
    no_digits(20)
    assert torch.equal(state, torch.get_rng_state())  # they have random numbers of their own

def test_pens_from_thin_to_thick(drawn):
    ink = drawn[0].mean((1,2))
    assert ink.quantile(.9)>2*ink.quantile(.1)

@pytest.mark.parametrize('digit', range(10))
def test_a_digit_has_many_forms(digit, drawn):
    x = drawn[0][drawn[1]==digit].flatten(1)
    nearest = torch.cdist(x, x).fill_diagonal_(99).amin(1)
    assert (nearest>2).all()

def forms(f, n=300):
    rng = np.random.default_rng(0)
    return [f(Hand(rng)) for _ in range(n)]

def test_what_makes_a_one_and_a_seven():
    "The flag of a 1 points down, the bar of a 7 does not; a 1 may have none, and a foot"
    ones,sevens = forms(strokes._one),forms(strokes._seven)
    flags = [np.degrees(np.angle(o[0][0]-o[0][12])) for o in ones if len(o[0])>13]
    assert 150<len(flags)<270 and min(flags)>100 and max(flags)<152 and 30<sum(len(o)==2 for o in ones)<120
    bars = [np.degrees(np.angle(o[0][-14]-o[0][-26])) for o in sevens]
    assert max(map(abs, bars))<25 and 60<sum(len(o)==2 for o in sevens)<150

def test_open_and_closed_fours():
    "Both occur: the first stroke starts at the top of the stem, or left of it"
    apart = [abs(o[0][0]-o[1][0]) for o in forms(strokes._four)]
    assert 70<sum(o<.1 for o in apart)<200

def test_no_digits():
    x = no_digits(80)
    assert x.shape==(80,28,28) and 0<=x.min() and x.max()<=1 and torch.isfinite(x).all() and (x.flatten(1).amax(1)>0).all()
    assert {o for sign in strokes._SIGNS for o in sign}=={*'abcdefghijklmno '}
