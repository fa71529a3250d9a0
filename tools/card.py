"""The picture that shows when somebody shares a link to the site: title, one line and a row of digits, 1200 by 630 pixels."""
import textwrap
import matplotlib
from matplotlib.figure import Figure
from fastfound.datasets import get_mnist, mnist_arrays

PAPER,INK,PALE,BRAND = '#ffffff','#16191f','#5a5e66','#2757dd'

def digits():
    "An image of each digit from 0 to 9, from the bundled sample (28,28)"
    x,y = mnist_arrays(get_mnist('sample'))[:2]
    return [x[(y==i).nonzero()[0,0]].view(28,28) for i in range(10)]

def write_card(path, title, line, site):
    "Write the card to `path`; text and digits keep away from the edges, which some services crop"
    with matplotlib.rc_context({'font.family': 'DejaVu Sans', 'text.parse_math': False}):
        fig = Figure((12, 6.3), dpi=100, facecolor=PAPER)
        fig.add_axes((0, 0, .02, 1), facecolor=BRAND, xticks=[], yticks=[], frame_on=True).spines[:].set_visible(False)
        fig.text(.08, .86, title, size=56, weight='bold', color=INK, va='top')
        fig.text(.08, .66, textwrap.fill(line, 56), size=23, color=INK, va='top', linespacing=1.35)
        for i,digit in enumerate(digits()):
            ax = fig.add_axes((.075+.085*i, .17, .08, .08*1200/630))
            ax.imshow(digit, cmap='Greys')
            ax.axis('off')
        fig.text(.08, .11, site.partition('://')[2].strip('/'), size=18, color=PALE, va='top')
        fig.savefig(path, facecolor=PAPER, metadata={'Software': None})
