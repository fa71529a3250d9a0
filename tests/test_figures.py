"The list of figures and the stored results agree, a figure outside its band makes the command fail, and what is calculated is calculated again on all of MNIST."
import json, os, sys
from math import nan
from pathlib import Path
import pytest

BENCH = Path(__file__).parents[1]/'bench'
sys.path.insert(0, str(BENCH))
import figures as bench
import resnet as networks

pytestmark = pytest.mark.not_numerical

needs_full = pytest.mark.skipif(not os.environ.get('FASTFOUND_DATA'), reason='FASTFOUND_DATA names no folder with all of MNIST')
STORED = json.loads(bench.FILE.read_text(encoding='utf-8'))
RANDOM = [o for o in bench.FIGURES if o.seeds or o.row or 'seconds' in o.name]

def changed(tmp_path, change):
    "The stored results in a file of their own, after `change` was called with the list of them"
    results = json.loads(json.dumps(STORED))
    change(results['figures'])
    file = tmp_path/'figures.json'
    file.write_text(json.dumps(results), encoding='utf-8')
    return file

def test_every_figure_has_a_result():
    assert [o['name'] for o in STORED['figures']]==[o.name for o in bench.FIGURES] and len({o.name for o in bench.FIGURES})==len(bench.FIGURES)
    assert {'date','machine','versions','figures'}==STORED.keys() and {'Python','torch','numpy','fastfound'}==STORED['versions'].keys()

@pytest.mark.parametrize('fig, o', list(zip(bench.FIGURES, STORED['figures'])), ids=lambda o: getattr(o, 'name', ''))
def test_results_agree_with_the_list(fig, o):
    "Bands, sources and published values are those of the list, verdicts follow from values and bands, and there are as many values as seeds"
    assert o==bench.entry(fig, o['values']) and o['verdict']=='within'
    assert (BENCH.parent/f'nbs/{fig.page}.ipynb').exists() and fig.low<=fig.high and fig.source and fig.published
    if not fig.row: assert len(o['values'])==max(fig.seeds, 1)

@pytest.mark.parametrize('fig', [o for o in bench.FIGURES if o.row], ids=lambda o: o.name)
def test_training_rows_are_those_of_the_other_file(fig):
    assert bench.values(fig)==next(o['values'] for o in STORED['figures'] if o['name']==fig.name), 'run bench/figures.py again'
    assert fig.row in [what for what,_,_ in networks.figures()]

def test_the_stored_results_pass(capsys):
    bench.main(['--stored'])
    assert capsys.readouterr().out==f'{len(bench.FIGURES)} figures are within their bands\n'

@pytest.mark.parametrize('value', [0.5, nan])
def test_a_figure_outside_its_band_is_named(tmp_path, value):
    name = 'nearest mean: accuracy on both'
    def change(figures): next(o for o in figures if o['name']==name)['values'] = [value]
    with pytest.raises(SystemExit) as e: bench.main(['--stored'], changed(tmp_path, change))
    assert str(e.value)==f'outside their bands:\n04_mnist_sgd, {name}: got {value:.4f}, wanted each from 0.95105 to 0.95115'

def test_a_forged_verdict_or_band_does_not_help(tmp_path):
    "What the file says of bands and verdicts is not believed"
    def change(figures): next(o for o in figures if 'raw weights' in o['name']).update(values=[1.], low=0, high=2, verdict='within')
    with pytest.raises(SystemExit, match='loss of the network with raw weights: got 1.00'): bench.main(['--stored'], changed(tmp_path, change))

def test_a_missing_figure_is_named(tmp_path):
    with pytest.raises(SystemExit) as e: bench.main(['--stored'], changed(tmp_path, lambda figures: figures.pop(0)))
    assert str(e.value)=='outside their bands:\n00_datasets, pictures in train/3: got no result, wanted each from 6131 to 6131'

@pytest.mark.parametrize('of, ok', [('each', False), ('median', True), ('lowest', False)])
def test_what_a_band_is_for(of, ok):
    assert bench.verdict({'of': of, 'low': 1, 'high': 3, 'values': [0,2,2]})==('within' if ok else 'outside')

def test_what_is_computed_is_judged_and_stored(tmp_path, monkeypatch, capsys):
    "With two figures of our own: one is right, the other is not, and both are stored"
    right,wrong = bench.exact('01_matmul', 'two', 2, 'arithmetic', lambda: 1+1, 0),bench.Figure('01_matmul', 'seeds', '0', 'arithmetic', 0, 1, lambda seed: seed, 3, format='.0f')
    monkeypatch.setattr(bench, 'FIGURES', [right, wrong])
    file = tmp_path/'new.json'
    with pytest.raises(SystemExit, match='01_matmul, seeds: got 0 1 2, wanted each from 0 to 1$'): bench.main([], file)
    stored = json.loads(file.read_text(encoding='utf-8'))
    assert [(o['values'], o['verdict']) for o in stored['figures']]==[([2], 'within'), ([0,1,2], 'outside')] and 'within   01_matmul, two: 2.0000' in capsys.readouterr().out
    file.unlink()
    bench.main(['--only', 'two'], file)
    assert not file.exists()  # some of the figures are not the figures

def test_without_the_full_data_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv('FASTFOUND_DATA', raising=False)
    monkeypatch.setenv('FASTFOUND_HOME', str(tmp_path/'home'))
    monkeypatch.setenv('FASTFOUND_OFFLINE', '1')
    bench.full.cache_clear()
    with pytest.raises(SystemExit, match='FASTFOUND_OFFLINE is set and .*; FASTFOUND_DATA should name a folder with all of MNIST'): bench.main([], tmp_path/'new.json')
    assert not (tmp_path/'new.json').exists()

def test_a_text_that_no_figure_has():
    with pytest.raises(SystemExit, match="no figure has 'perceptron' in its page or name"): bench.main(['--stored', '--only', 'perceptron'])

@pytest.mark.nightly
@needs_full
@pytest.mark.parametrize('fig', [o for o in RANDOM if o.seeds and 'times faster' not in o.name], ids=lambda o: o.name)  # what is measured depends on what else runs
def test_trained_figures_once_more(fig):
    assert bench.entry(fig, bench.values(fig))['verdict']=='within'

@pytest.mark.long
@needs_full
@pytest.mark.parametrize('fig', [o for o in bench.FIGURES if o not in RANDOM], ids=lambda o: o.name)
def test_calculated_figures_once_more(fig):
    assert bench.entry(fig, bench.values(fig))['verdict']=='within'
