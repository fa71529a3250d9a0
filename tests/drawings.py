"Digits drawn by code, as a hand would: strokes through jittered points, on a canvas of any size; and a sheet for tests of reading."
import math, random
from PIL import Image, ImageDraw

# Each digit in the styles that people write: strokes, each a list of points (x from left, y from above) in a box about 0.6 wide and 1 high.
# `o` marks a stroke that is a closed loop. Corners are points given twice.
STYLES = {
    0: [[[(.30,0),(.06,.18),(0,.5),(.08,.84),(.30,1),(.52,.84),(.60,.5),(.53,.16),(.30,0)]]],
    1: [[[(.1,0),(.08,.5),(.06,1)]], [[(0,.22),(.17,.02),(.17,.02),(.16,.5),(.16,1)]]],
    2: [[[(.02,.22),(.14,.03),(.36,0),(.53,.14),(.50,.36),(.28,.66),(0,.97),(0,.97),(.30,.96),(.60,.97)]],
        [[(.04,.20),(.16,.03),(.38,.01),(.52,.16),(.46,.42),(.26,.76),(.08,.95),(.02,.84),(.14,.78),(.36,.92),(.60,.95)]]],
    3: [[[(.04,.12),(.22,0),(.44,.06),(.50,.24),(.36,.42),(.20,.46),(.20,.46),(.44,.54),(.56,.74),(.44,.94),(.20,1),(0,.88)]]],
    4: [[[(.10,0),(.04,.30),(0,.56),(0,.56),(.28,.55),(.58,.53)], [(.48,.02),(.46,.5),(.42,1)]],
        [[(.42,0),(.20,.32),(0,.62),(0,.62),(.30,.62),(.60,.61)], [(.42,0),(.41,.5),(.40,1)]]],
    5: [[[(.10,.02),(.07,.24),(.04,.45),(.04,.45),(.22,.38),(.44,.46),(.54,.68),(.42,.92),(.20,1),(0,.90)], [(.10,.02),(.32,.01),(.54,0)]]],
    6: [[[(.44,0),(.20,.20),(.05,.50),(.03,.80),(.20,1),(.44,.95),(.52,.74),(.40,.56),(.20,.58),(.05,.76)]]],
    7: [[[(0,.04),(.28,.03),(.58,.01),(.58,.01),(.42,.42),(.24,1)]]],
    8: [[[(.48,.12),(.28,0),(.10,.10),(.12,.28),(.30,.46),(.50,.66),(.50,.88),(.28,1),(.07,.88),(.08,.66),(.30,.46),(.48,.28),(.48,.12)]]],
    9: [[[(.50,.20),(.34,.02),(.12,.08),(.04,.30),(.16,.48),(.36,.44),(.50,.20),(.50,.20),(.48,.60),(.44,1)]],
        [[(.50,.22),(.34,.02),(.10,.08),(.04,.30),(.18,.46),(.38,.40),(.50,.18),(.50,.18),(.50,.58),(.38,.92),(.12,.98)]]]}

def smooth(points, times=4):
    "Cut the corners of a line, again and again (Chaikin 1974), except those given as two equal points"
    for _ in range(times):
        new = [points[0]]
        for p,q in zip(points, points[1:]):
            if p!=q: new += [tuple(.75*a+.25*b for a,b in zip(p, q)), tuple(.25*a+.75*b for a,b in zip(p, q))]
            else: new += [p, q]
        points = [*new, points[-1]]
    return points

def strokes(digit, rng, turn=15, jitter=.028):
    "The strokes of `digit` in a random style, shaken, slanted and rotated by up to `turn` degrees, as points around (0,0), about 1 high"
    moved,wide,slant,angle = {},rng.uniform(.85,1.25),rng.uniform(-.12,.25),math.radians(rng.uniform(-turn, turn))
    def place(p):
        if p not in moved: moved[p] = p[0]+rng.gauss(0, jitter),p[1]+rng.gauss(0, jitter)  # a point that is met twice moves as one
        x,y = (moved[p][0]-.3)*wide-(moved[p][1]-.5)*slant,moved[p][1]-.5
        return x*math.cos(angle)-y*math.sin(angle),x*math.sin(angle)+y*math.cos(angle)
    return [smooth([place(p) for p in stroke]) for stroke in rng.choice(STYLES[digit])]

def draw(digit, rng, height, width, dark=True):
    "An RGB picture of `digit`, `height` pixels high with a pen `width` pixels wide, somewhere on a larger sheet"
    lines,k = strokes(digit, rng),4  # drawn four times as large and reduced, for soft edges
    xs,ys = [[o[i]*height for line in lines for o in line] for i in (0,1)]
    w,h = max(xs)-min(xs)+width,max(ys)-min(ys)+width
    sheet_w,sheet_h = [round(o+height*rng.uniform(.3,1.5)) for o in (w,h)]
    left,top = rng.uniform(2, sheet_w-w-2)-min(xs)+width/2,rng.uniform(2, sheet_h-h-2)-min(ys)+width/2
    ink,paper = (0,255) if dark else (255,0)
    im = Image.new('L', (sheet_w*k, sheet_h*k), paper)
    pen = ImageDraw.Draw(im)
    for line in lines:
        points = [((x*height+left)*k, (y*height+top)*k) for x,y in line]
        pen.line(points, fill=ink, width=round(width*k))
        r = width*k/2
        for x,y in points: pen.ellipse((x-r, y-r, x+r, y+r), fill=ink)
    return im.resize((sheet_w,sheet_h), Image.Resampling.LANCZOS).convert('RGB')

HEIGHTS,PENS = (32,64,120,240),(.06,.1,.15)  # pixels, and shares of the height

def drawings(seed, n=200):
    "`n` pairs of a digit and its drawing: each digit as often as the others, all heights, pens and both colours in turn"
    rng = random.Random(seed)
    return [(i%10, draw(i%10, rng, HEIGHTS[i//10%4], HEIGHTS[i//10%4]*PENS[i//10%3], dark=i//40%2==0)) for i in range(n)]

def sheet(mode='L', size=(60,40), paper=255, ink=0):
    "A picture with a bar that lies left of the middle and a spot above it"
    im = Image.new(mode, size, paper)
    pen = ImageDraw.Draw(im)
    pen.rectangle((10,25,29,30), fill=ink)
    pen.rectangle((12,8,15,11), fill=ink)
    return im
