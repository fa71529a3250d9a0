"Digits drawn by code, as a hand would: strokes through shaken points, on a sheet of any size, photographed too; and what is no digit."
import io, math, random
from functools import cache
from pathlib import Path
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

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

# A font of straight lines on a grid of 16 by 20, as plotters draw: strokes separated by `/`, points as `x,y`
GRID = {
    0: ['8,0 5,1 2,4 1,8 1,12 2,16 5,19 8,20 11,19 14,16 15,12 15,8 14,4 11,1 8,0', '8,0 4,2 3,6 3,14 4,18 8,20 12,18 13,14 13,6 12,2 8,0'],
    1: ['4,5 7,3 10,0 10,20', '3,7 10,0 10,20', '4,4 9,0 9,20 / 4,20 14,20', '2,6 9,0 8,20'],
    2: ['2,5 2,4 3,2 5,0 10,0 13,2 14,4 14,6 13,9 10,12 1,20 15,20', '2,6 4,2 8,0 12,1 14,5 12,10 6,15 1,20 6,18 11,19 15,20'],
    3: ['3,0 14,0 8,8 11,8 14,10 15,13 15,15 13,18 10,20 6,20 3,19 1,16',
        '2,3 5,0 10,0 13,2 13,6 10,9 6,9 / 10,9 14,11 15,15 13,18 9,20 4,20 1,17'],
    4: ['11,0 1,14 16,14 / 11,0 11,20', '4,0 2,12 15,12 / 12,4 11,20', '10,20 10,0 0,13 14,13', '3,1 3,11 13,11 / 13,1 13,20'],
    5: ['13,0 4,0 3,9 4,8 7,7 10,7 13,8 15,11 15,14 14,17 11,20 7,20 3,19 1,16', '14,1 4,1 4,9 10,8 14,11 14,16 10,20 2,19'],
    6: ['14,3 12,1 9,0 7,0 4,2 2,5 1,10 1,15 3,18 6,20 9,20 12,19 14,17 15,14 14,11 12,9 9,8 6,8 3,10 1,14',
        '11,0 6,5 2,12 2,16 4,19 8,20 12,19 14,16 13,12 10,10 6,10 3,12 2,15'],
    7: ['1,0 15,0 6,20', '1,3 1,0 15,0 9,9 7,20', '1,1 14,1 7,20 / 5,10 14,10', '2,0 14,0 14,3 9,12 8,20'],
    8: ['6,0 3,1 2,3 2,5 4,8 8,9 12,10 15,13 15,16 13,19 10,20 6,20 3,19 1,16 1,13 3,11 8,9 12,8 14,5 14,3 12,1 9,0 6,0',
        '8,0 4,1 3,4 4,8 8,9 12,8 13,4 12,1 8,0 / 8,9 3,11 1,15 3,19 8,20 13,19 15,15 13,11 8,9'],
    9: ['15,7 13,10 10,12 7,12 4,11 2,9 1,6 2,3 5,1 8,0 11,1 14,4 15,7 15,11 14,15 12,18 9,20 6,20 3,19 1,17',
        '13,6 12,2 8,0 4,1 2,5 3,9 7,11 11,10 13,6 13,20', '14,5 11,1 6,0 2,3 2,8 6,11 11,10 14,5 12,13 7,20']}

def arc(x, y, rx, ry, a, b):
    angles = [math.radians(a+(b-a)*i/24) for i in range(25)]
    return [(x+rx*math.cos(o), y+ry*math.sin(o)) for o in angles]

# Typographic digits, of arcs and straight lines: angles in degrees from the right, by the hands of the clock
ARCS = {
    0: [[arc(.3,.5,.3,.5,-90,270)], [[*arc(.25,.25,.25,.25,-180,0), *arc(.25,.75,.25,.25,0,180), (0,.25)]], [arc(.42,.5,.42,.5,-60,300)]],
    1: [[[(.0,.25),(.25,0),(.25,1)]], [[(.02,.2),*arc(-.02,-.06,.26,.26,75,15),(.25,0),(.25,1)],[(.02,1),(.48,1)]], [[(.1,0),(.1,1)]]],
    2: [[[*arc(.28,.27,.27,.27,-170,30),(0,1),(.57,1)]], [[*arc(.3,.28,.28,.28,-160,20),*arc(.7,1.02,.68,.52,-110,-178),(.6,1)]]],
    3: [[[*arc(.27,.25,.25,.25,-160,90),],[*arc(.27,.74,.29,.26,-90,165)]], [[(.04,0),(.54,0),(.24,.38),*arc(.26,.68,.3,.32,-80,150)]]],
    4: [[[(.45,1),(.45,0),(0,.7),(.62,.7)]], [[(.12,0),(0,.58),(.6,.58)],[(.42,.3),(.42,1)]],
        [[(0,0),*arc(.22,.32,.22,.22,180,90),(.5,.54)],[(.5,0),(.5,1)]]],
    5: [[[(.54,0),(.1,0),(.06,.45),*arc(.26,.67,.31,.33,-125,150)]], [[(.5,0),(.06,0),(.06,.42),(.25,.42),*arc(.25,.71,.29,.29,-90,160)]]],
    6: [[arc(.3,.69,.3,.31,0,360),arc(.62,.66,.62,.66,180,265)], [[*arc(.33,.42,.33,.42,-30,-180),*arc(.33,.68,.33,.32,180,-190)]],
        [[(.42,0),*arc(.3,.7,.28,.3,-155,-510)]]],
    7: [[[(0,0),(.56,0),(.18,1)]], [[(0,0),(.56,0),*arc(.95,1,.72,.76,-135,-180)],[(.12,.5),(.5,.5)]], [[(0,.14),(0,0),(.54,0),(.2,1)]]],
    8: [[arc(.3,.24,.24,.24,90,450),arc(.3,.74,.3,.26,-90,270)],
        [[*arc(.27,.25,.22,.25,-45,-270),*arc(.27,.75,.27,.25,-90,270),*arc(.27,.25,.22,.25,90,-40)]]],
    9: [[arc(.3,.31,.3,.31,0,360),arc(-.02,.34,.62,.66,0,85)], [arc(.28,.28,.28,.28,0,-360),[(.56,.28),(.56,1)]],
        [[*arc(.33,.32,.33,.32,0,-370),*arc(.33,.58,.33,.42,0,150)]]]}

def grid_strokes(text): return [[tuple(float(v)/20 for v in p.split(',')) for p in line.split()] for line in text.split('/')]

GLYPHS = {'hand': STYLES, 'grid': {k: [*map(grid_strokes, v)] for k,v in GRID.items()}, 'arcs': ARCS}

def smooth(points, times=4):
    "Cut the corners of a line, again and again (Chaikin 1974), except those given as two equal points"
    for _ in range(times):
        new = [points[0]]
        for p,q in zip(points, points[1:]):
            if p!=q: new += [tuple(.75*a+.25*b for a,b in zip(p, q)), tuple(.25*a+.75*b for a,b in zip(p, q))]
            else: new += [p, q]
        points = [*new, points[-1]]
    return points

def strokes(digit, rng, turn=15, jitter=.028, glyphs='hand'):
    "The strokes of `digit` in a random style, shaken, slanted and rotated by up to `turn` degrees, as points around (0,0), about 1 high"
    moved,wide,slant,angle = {},rng.uniform(.85,1.25),rng.uniform(-.12,.25),math.radians(rng.uniform(-turn, turn))
    waves = [[(rng.gauss(0, jitter), rng.uniform(2,7), rng.uniform(0,7)) for _ in 'xy'] for _ in 'xy'] if glyphs!='hand' else None
    def shake(p):  # points that were set by hand are moved one by one, those of a font as on a sheet of rubber
        if glyphs=='hand': return p[0]+rng.gauss(0, jitter),p[1]+rng.gauss(0, jitter)
        return [p[i]+sum(a*math.sin(f*p[j]+phase) for j,(a,f,phase) in enumerate(waves[i])) for i in (0,1)]
    def place(p):
        if p not in moved: moved[p] = shake(p)  # a point that is met twice moves as one
        x,y = (moved[p][0]-.3)*wide-(moved[p][1]-.5)*slant,moved[p][1]-.5
        return x*math.cos(angle)-y*math.sin(angle),x*math.sin(angle)+y*math.cos(angle)
    return [smooth([place(p) for p in stroke], 4 if glyphs=='hand' else 0) for stroke in rng.choice(GLYPHS[glyphs][digit])]

def draw(digit, rng, height, width, dark=True, glyphs='hand'):
    "An RGB picture of `digit`, `height` pixels high with a pen `width` pixels wide, somewhere on a larger sheet"
    lines,k = strokes(digit, rng, glyphs=glyphs),4  # drawn four times as large and reduced, for soft edges
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

def drawings(seed, n=200, glyphs='hand', pens=PENS):
    "`n` pairs of a digit and its drawing: each digit as often as the others, all heights, pens and both colours in turn"
    rng = random.Random(seed)
    def picture(i, height, pen): return draw(i%10, rng, height, height*pen, i//40%2==0, glyphs)
    return [(i%10, picture(i, HEIGHTS[i//10%4], pens[i//10%len(pens)])) for i in range(n)]

def sheet(mode='L', size=(60,40), paper=255, ink=0):
    "A picture with a bar that lies left of the middle and a spot above it"
    im = Image.new(mode, size, paper)
    pen = ImageDraw.Draw(im)
    pen.rectangle((10,25,29,30), fill=ink)
    pen.rectangle((12,8,15,11), fill=ink)
    return im

# Drawn with a mouse or a finger in a box of 280 by 280: strokes of whole pixels, as a browser reports them

EUROPEAN = {
    0: [[[(.30,0),(.02,.2),(0,.6),(.2,1),(.5,.92),(.6,.5),(.5,.1),(.26,.02),(.36,.16)]]],
    1: [[[(0,.42),(.3,.02),(.34,0),(.34,0),(.33,.5),(.33,1)]], [[(.02,.36),(.3,0),(.3,0),(.3,1)], [(.08,1),(.52,1)]]],
    2: [[[(.02,.2),(.2,0),(.5,.06),(.5,.34),(.26,.7),(.06,.96),(.0,.86),(.12,.8),(.34,.94),(.62,.96)]]],
    3: [[[(.02,.02),(.28,.01),(.54,.02),(.54,.02),(.36,.24),(.22,.40),(.22,.40),(.48,.46),(.56,.72),(.36,1),(.02,.92)]]],
    4: [[[(.44,0),(.22,.34),(.0,.66),(.0,.66),(.3,.65),(.62,.66)], [(.44,.4),(.43,.7),(.42,1)]],
        [[(.16,0),(.06,.3),(.0,.58),(.0,.58),(.3,.56),(.6,.56)], [(.44,.2),(.43,.6),(.42,1)]]],
    5: [[[(.08,.02),(.06,.2),(.05,.42),(.05,.42),(.3,.36),(.54,.56),(.46,.92),(.18,1),(.0,.9)], [(.08,.02),(.3,.03),(.56,-.02)]],
        [[(.54,.0),(.3,.02),(.08,.02),(.08,.02),(.05,.42),(.05,.42),(.32,.38),(.54,.58),(.44,.92),(.18,1),(.0,.9)]]],
    6: [[[(.4,0),(.14,.26),(.0,.62),(.08,.94),(.34,1),(.54,.82),(.46,.58),(.22,.56),(.03,.76)]]],
    7: [[[(0,.1),(.02,.02),(.02,.02),(.3,.05),(.58,.01),(.58,.01),(.38,.5),(.24,1)], [(.14,.5),(.52,.46)]],
        [[(.0,.03),(.3,.03),(.58,.03),(.58,.03),(.3,.5),(.22,1)], [(.08,.52),(.3,.5),(.5,.52)]]],
    8: [[[(.3,.44),(.08,.34),(.1,.06),(.32,0),(.52,.1),(.48,.34),(.3,.44),(.02,.64),(.06,.94),(.3,1),(.56,.92),(.56,.62),(.3,.44)]]],
    9: [[[(.52,.16),(.3,0),(.04,.12),(.06,.42),(.3,.5),(.5,.3),(.53,.1),(.53,.1),(.5,.6),(.36,.94),(.1,1),(.0,.9)]]]}

# How to draw: glyphs, width, slant (how far the top lies right of the foot, for a height of 1), and how much points are shaken
WAYS = {'plain': (STYLES,1,0,.012), 'slanted left': (STYLES,1,-.35,.012), 'slanted right': (STYLES,1,.5,.012),
        'wide': (STYLES,1.7,0,.012), 'narrow': (STYLES,.55,0,.012), 'shaky': (STYLES,1,0,.045),
        'round': (GLYPHS['arcs'],1,.1,.012), 'European': (EUROPEAN,1,.08,.015)}
PLACES = {40: 'corner', 70: 'edge', 120: 'anywhere', 200: 'anywhere'}  # heights in pixels of 280

def canvas_drawing(digit, way, height, rng, side=280):
    "The strokes of `digit` as points (x,y), one every few pixels"
    glyphs,wide,slant,shaken = WAYS[way]
    wide,slant = wide*rng.uniform(.92,1.08),slant+rng.uniform(-.06,.06)
    moved,smoothing = {},0 if way=='round' else 4
    def place(p):
        x,y = moved.setdefault(p, [o+rng.gauss(0, 0 if way=='round' else shaken) for o in p])
        return (x*wide+(1-y)*slant)*height,y*height
    lines = [smooth([*map(place, o)], smoothing) for o in rng.choice(glyphs[digit])]
    tremor = .3+shaken*height*.25
    def walked(line):  # a point every two to five pixels, with a tremor of the hand
        out,step = [line[0]],0
        for p in line[1:]:
            if math.dist(p, out[-1])>=step:
                out.append(p)
                step = rng.uniform(2,5)
        return [(x+rng.gauss(0, tremor),y+rng.gauss(0, tremor)) for x,y in [*out, line[-1]]]
    lines = [walked(o) for o in lines]
    room = [(min(p[i] for o in lines for p in o), max(p[i] for o in lines for p in o)) for i in (0,1)]
    at = []
    for low,high in room:
        free = max(0, side-12-(high-low))
        where = rng.uniform(0,1) if PLACES[height]=='anywhere' else rng.choice([.02,.98])
        if PLACES[height]=='edge' and at: where = rng.uniform(0,1)
        at.append(6+free*where-low)
    return [[[round(x+at[0]),round(y+at[1])] for x,y in o] for o in lines]

def canvas_drawings(seed):
    "Quadruples of a way, a height, a digit and its strokes: each of the ten digits in eight ways and four heights"
    rng = random.Random(seed)
    return [(way, h, digit, canvas_drawing(digit, way, h, rng)) for way in WAYS for h in PLACES for digit in range(10)]

def inked(strokes, size=28, box=20, pen=2.4):
    "An image (size,size) of strokes as the page renders them: fitted into a box, the pen's width included, and centred by mass"
    strokes = [np.array(o, float) for o in strokes]
    points = np.concatenate(strokes)
    low,high = points.min(0),points.max(0)
    scale = (box-pen)/max((high-low).max(), 14)
    pixels = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(float)  # x and y of each
    def picture(middle):
        nearest = np.full((size,size), np.inf)
        for line in strokes:
            line = (line-(low+high)/2)*scale+middle
            for a,b in zip(line, [*line[1:], line[-1]] if len(line)==1 else line[1:]):
                d = b-a
                t = np.clip(((pixels-a)@d)/max(d@d, 1e-12), 0, 1)
                nearest = np.minimum(nearest, np.linalg.norm(pixels-a-t[...,None]*d, axis=-1))
        return np.clip(pen/2+.5-nearest, 0, 1)
    middle = np.array([(size-1)/2]*2)
    ink = picture(middle)
    mass = np.array([(ink.sum(o)*np.arange(size)).sum() for o in (0,1)])/ink.sum()
    room = (size-1-pen-(high-low)*scale)/2
    return picture(middle+np.clip(size/2-mass, -room, room))

# Photographs

PAPERS = 'even','fall','half','shadow','lined','squared','blue','noise','jpeg'

def photograph(im, rng, *kinds, paper=(225,222,215), ink=(45,45,50)):
    "A drawing that is black on white, as in a photograph: with any of PAPERS, where `half` is light that falls by half, and `fall` by less"
    g,a = np.random.default_rng(rng.randrange(2**32)),1-np.asarray(im.convert('L')).astype(float)[...,None]/255
    (h,w),side = a.shape[:2],max(a.shape)
    y,x = np.mgrid[:h,:w]
    sheet = np.ones((h,w,1))*np.array(paper, float)
    if {'lined','squared'} & {*kinds}:
        tilt,step,thick,strength = math.radians(rng.uniform(-2,2)),side*rng.uniform(.08,.2),max(1.2, side*.006),rng.uniform(.15,.5)
        def lines(u): return np.clip(thick/2+.5-np.abs((u+rng.uniform(0,step))%step-step/2), 0, 1)
        lined = lines(y*math.cos(tilt)+x*math.sin(tilt))
        if 'squared' in kinds: lined = np.maximum(lined, lines(x*math.cos(tilt)-y*math.sin(tilt)))
        sheet = sheet*(1-strength*lined[...,None]*np.array([1,.8,.4]))
    photo = sheet*(1-a)+np.array((50,70,170) if 'blue' in kinds else ink, float)*a
    angle = rng.uniform(0, 2*math.pi)
    u = x/w*math.cos(angle)+y/h*math.sin(angle)
    u = ((u-u.min())/(u.max()-u.min()))[...,None]
    if 'fall' in kinds: photo = photo*(1-rng.uniform(.1,.5)*u)
    if 'half' in kinds: photo = photo*(1-.5*u)
    if 'shadow' in kinds: photo = photo*(1-rng.uniform(.3,.55)/(1+np.exp((rng.uniform(.3,.7)-u)/rng.uniform(.01,.08))))
    if 'noise' in kinds: photo = photo+g.normal(0, rng.uniform(4,10), photo.shape)
    im = Image.fromarray(photo.clip(0, 255).round().astype(np.uint8))
    if 'jpeg' not in kinds: return im
    file = io.BytesIO()
    im.save(file, 'JPEG', quality=50)
    return Image.open(file).convert('RGB')

def dark_drawings(seed, n, glyphs='hand'):
    "`n` pairs of a digit and a drawing that is black on white"
    return [(digit, im) for digit,im in drawings(seed, 2*n+40, glyphs) if im.getpixel((0,0))==(255,255,255)][:n]

# What is no digit

DATA = Path(matplotlib.get_data_path())
FONTS = 'DejaVuSans','DejaVuSerif','DejaVuSansMono','DejaVuSans-Bold','STIXGeneral','cmr10','DejaVuSans-Oblique'

def letter(rng):
    im = Image.new('L', (200,200), rng.choice([255,240,225]))
    font = ImageFont.truetype(str(DATA/f'fonts/ttf/{rng.choice(FONTS)}.ttf'), rng.choice([60,100,130]))
    place,text = (rng.uniform(20,60),rng.uniform(5,40)),rng.choice('ACDEFHJKLMNPQRTUVWXYadehkmnrtuvwx')
    ImageDraw.Draw(im).text(place, text, rng.choice([0,30,60]), font)
    return im.rotate(rng.uniform(-12,12), Image.Resampling.BILINEAR, fillcolor=im.getpixel((0,0)))

def shape(rng):
    im,c,r,turn = Image.new('L', (220,180), 250),(110,90),rng.uniform(40,75),rng.uniform(-.3,.3)-math.pi/2
    pen,width = ImageDraw.Draw(im),rng.choice([4,9,16])
    def at(angle, size=1): return c[0]+size*r*math.cos(turn+angle),c[1]+size*r*math.sin(turn+angle)
    def heart(t): return 110+4*r/5*math.sin(t)**3,85-r/15*(13*math.cos(t)-5*math.cos(2*t)-2*math.cos(3*t)-math.cos(4*t))
    q = math.pi/2
    lines = rng.choice([[[at(i*q*4/3) for i in range(4)]], [[at(i*q*.4, 1-.6*(i%2)) for i in range(11)]],
                        [[at(0), at(2*q)], [at(q), at(3*q)]], [[at(q/2), at(q*5/2)], [at(q*3/2), at(q*7/2)]],
                        [[(40,90),(170,95)], [(130,60),(172,95),(135,130)]], [[heart(t/10) for t in range(63)]],
                        [[at(q/2+i*q) for i in range(6)]], [[at(t/8, t/200) for t in range(200)]], [[(50,90),(90,140),(180,40)]],
                        [[(60,150),(60,80),(110,35),(160,80),(160,150),(60,150)]], [[(20+i, 90+25*math.sin(i/15)) for i in range(180)]]])
    for line in lines: pen.line(line, fill=20, width=width, joint='curve')
    return im

@cache
def _photographs():
    from sklearn.datasets import load_sample_images
    return [*map(Image.fromarray, load_sample_images().images), Image.open(DATA/'sample_data/grace_hopper.jpg').convert('RGB')]

def scene(rng):
    "A square part of a photograph of a temple, a flower or a person"
    im = rng.choice(_photographs())
    side = rng.uniform(.2,.9)*min(im.size)
    x,y = [rng.uniform(0, o-side) for o in im.size]
    return im.crop([*map(round, (x, y, x+side, y+side))])

def blank(rng):
    "An empty sheet, lined perhaps"
    kinds = rng.choice([['fall'],['shadow'],['squared','fall'],['noise']])
    return photograph(Image.new('L', rng.choice([(200,150),(80,100)]), 255), rng, *kinds)

def no_digit_pictures(seed, n=200):
    "`n` pictures that are no digits: letters, shapes, photographs and blank sheets in turn"
    rng = random.Random(seed)
    return [[letter,shape,scene,blank][i%4](rng) for i in range(n)]
