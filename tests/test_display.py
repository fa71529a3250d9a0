"What is shown: progress bars and tables, in a notebook that is saved, and where nobody watches."
import io, sys
import numpy as np, pytest, torch
from fastfound.display import Live, Table, plt, progress_bar, show_image, show_images, subplots

pytestmark = pytest.mark.not_numerical

# Progress bars, in cells that are run as a notebook and saved

IMPORT = """import sys, time
from IPython.display import display
from fastfound.display import Live, Table, progress_bar
def work(**kw):
    for _ in progress_bar(range(5), mininterval=0, **kw): time.sleep(.01)
def train():
    live = Live()
    for epoch in range(3):
        work(live=live)
        live.show(Table([dict(epoch=i) for i in range(epoch+1)]))"""
ROWS = 'epoch\n0    \n1    \n2    '

CELLS = {  # and what is seen of them when they have run
    IMPORT: [], 'work()': [], 'work(); work()\nwork()': [], 'work(quiet=True)': [],
    'work()\n1': ['1'], 'work()\nprint("after")': ['after\n'],
    'try:\n    for i in progress_bar(range(5), mininterval=0): 1/(i-2)\nexcept ZeroDivisionError: pass': [],
    'train()': [ROWS], 'train()\nprint("after")': [ROWS, 'after\n'], 'print("before")\ntrain()': ['before\n', ROWS],
    # what the cell shows besides stays
    'print("before")\nwork()': ['before\n'], 'print("before", file=sys.stderr)\nwork()\n2': ['before\n', '2'],
    'display(1)\nwork()\nprint("after")': ['1', 'after\n'],
    'for i in progress_bar(range(2), mininterval=0): i and print("within")': ['within\n'],
    # while it runs
    'bar = progress_bar(total=4, desc="half", bar_format="{desc}{percentage:3.0f}%")\nbar.update(2)\nbar.refresh();': ['half 50%'],
    'live = Live()\nlive.show(Table([dict(epoch=0)]))\nbar2 = progress_bar(total=4, live=live, bar_format="{n} of 4")\n'
    'bar2.update(2)\nbar2.refresh();': ['epoch\n0    \n2 of 4']}

def seen(output):
    "The text of an output; None if it has no content in any form, which takes no room on the page"
    if output.output_type=='stream': return output.text
    return output.data['text/plain'] if any(output.data.values()) else None

@pytest.fixture(scope='module')
def saved():
    "What is seen of each output of each cell"
    import nbformat  # takes seconds, and only this needs it
    from nbclient import NotebookClient
    with pytest.MonkeyPatch.context() as m:
        m.delenv('IN_TEST', raising=False)
        nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(o) for o in CELLS])
        NotebookClient(nb, timeout=None, kernel_name='python3', extra_arguments=['--log-level=ERROR']).execute()
    return {c.source: [seen(o) for o in c.outputs] for c in nb.cells}

@pytest.mark.parametrize('cell', CELLS)
def test_bars_in_a_notebook(saved, cell): assert [o for o in saved[cell] if o is not None]==CELLS[cell]

def test_a_bar_is_one_output_and_one_beside_a_table_is_none(saved):
    assert [len(saved[o]) for o in ('work()', 'work(); work()\nwork()', 'train()')]==[1, 3, 1]

def test_a_terminal_is_left_empty(monkeypatch):
    "The last thing that is sent overwrites the line"
    class Terminal(io.StringIO):
        def isatty(self): return True
    monkeypatch.setattr(sys, 'stderr', Terminal())
    for _ in progress_bar(range(3), desc='counting', mininterval=0): pass
    sent = sys.stderr.getvalue()
    assert 'counting' in sent and '\n' not in sent and not sent.split('\r')[-2].strip() and not sent.split('\r')[-1]

@pytest.mark.parametrize('value, line, text, html', [(None, '', '', ''), (None, 'a<b', 'a<b', '<pre>a&lt;b</pre>')])
def test_live(value, line, text, html):
    live = Live()
    live.value,live.line = value,line
    assert (repr(live), live._repr_html_())==(text, html)
    live.value = Table([dict(epoch=0)])
    assert repr(live)=='\n'.join(filter(None, ['epoch\n0    ', line])) and live._repr_html_()==live.value._repr_html_()+html

def test_silent_where_nobody_watches(monkeypatch):
    monkeypatch.setattr(sys, 'stderr', io.StringIO())
    assert list(progress_bar(range(3)))==[0,1,2] and sys.stderr.getvalue()==''

# Images

@pytest.fixture
def drawn():
    "Matplotlib without a window, whose figures and settings are gone afterwards"
    before = plt.rcParams.copy()
    plt.switch_backend('agg')
    yield
    plt.close('all')
    plt.rcParams.update(before)

@pytest.mark.parametrize('h, w, inches', [(28,28,(1,1)), (64,64,(2,2)), (28,96,(3,1)), (100,28,(1,3)), (1000,500,(5,5)), (3,3,(1,1))])
def test_an_image_is_as_large_as_in_fastai(drawn, h, w, inches):
    "An inch for 32 pixels, at least one and at most five, unless a figure or a size is given"
    for im in (torch.zeros(h,w), torch.zeros(3,h,w), np.zeros((h,w,3))): assert tuple(show_image(im).figure.get_size_inches())==inches
    assert tuple(show_image(torch.zeros(h,w), figsize=(2,1)).figure.get_size_inches())==(2,1)

def colours(im, **kw): return show_image(im, **kw).images[0].get_cmap().name

@pytest.mark.parametrize('im', [torch.zeros(4,4), torch.zeros(1,4,4), np.zeros((4,4,1)), torch.zeros(4,4, dtype=torch.bfloat16)])
def test_colours_are_those_that_matplotlib_was_set_to(drawn, im):
    "Ours where nobody chose any, and those of the call above all"
    assert colours(im)=='Greys'
    plt.rc('image', cmap='magma')
    assert (colours(im), colours(im, cmap='gray'))==('magma', 'gray')

def test_a_frame(drawn):
    "Without ticks"
    plain,framed = show_image(torch.zeros(4,4)),show_image(torch.zeros(4,4), noframe=False)
    assert not plain.axison and framed.axison and not len(framed.get_xticks()) and not len(framed.get_yticks())

@pytest.mark.parametrize('title', ['a$', '$', '5$_$b', 'R$^{'])
def test_titles_are_plain_text(drawn, title):
    "The name of a class may have a dollar in it"
    for ax in (show_image(torch.zeros(4,4), title=title), *(show_images([torch.zeros(4,4)], titles=[title]) or plt.gcf().axes)):
        ax.figure.canvas.draw()
        assert ax.get_title()==title

def test_a_grid_takes_what_its_figure_takes(drawn):
    show_images([torch.zeros(4,4)]*3, figsize=(4,1), suptitle='three')
    assert tuple(plt.gcf().get_size_inches())==(4,1) and plt.gcf().get_suptitle()=='three'

@pytest.mark.parametrize('ims, titles', [([], None), ([0,1], ['a']), ([0], ['a','b'])])
def test_a_grid_without_images_or_with_other_titles(ims, titles):
    "Is refused: images or titles would be left out in silence"
    with pytest.raises(ValueError, match=f'got {len(ims)} images and'): show_images([torch.zeros(4,4) for _ in ims], titles=titles)

@pytest.mark.parametrize('nrows, ncols, shape', [(1,1,(1,)), (1,3,(3,)), (3,1,(3,)), (2,3,(2,3))])
def test_axes_are_an_array_as_in_fastai(drawn, nrows, ncols, shape):
    "Of one axis where there is one row or one column, so that a loop goes through the plots, and never a single plot"
    fig,axs = subplots(nrows, ncols, suptitle='all')
    assert axs.shape==shape and list(axs.flat)==fig.axes and fig.get_suptitle()=='all'
    assert all(o is p for o,p in zip(axs, fig.axes)) or len(shape)==2
    assert subplots(1, 3, squeeze=False)[1].shape==(1,3)
