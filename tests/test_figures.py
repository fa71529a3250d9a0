"The list of figures and the stored results agree, a figure outside its band makes the command fail, and calculations are made again."
import os, sys
from collections import Counter
from math import nan
from pathlib import Path
from statistics import median
import pytest, torch

BENCH = Path(__file__).parents[1]/'bench'
sys.path.insert(0, str(BENCH))
import figures as bench
import peers
import resnet as networks
import runs
import timing
from fastfound.files import read_runs

pytestmark = pytest.mark.not_numerical

needs_full = pytest.mark.skipif(not os.environ.get('FASTFOUND_DATA'), reason='FASTFOUND_DATA names no folder with all of MNIST')
STORED = read_runs('figures')
RANDOM = [o for o in bench.FIGURES if o.seeds or o.row or 'seconds' in o.name]

def changed(tmp_path, change):
    "The stored results in a file of their own, after `change` was called with each of them"
    results = [{**o} for o in STORED]
    for o in results: change(o)
    runs.save(tmp_path/'figures.jsonl', results)
    return tmp_path/'figures.jsonl'

def of(fig): return [o for o in STORED if o['name']==fig.name]

def test_every_figure_has_a_result():
    assert list(dict.fromkeys(o['name'] for o in STORED))==[o.name for o in bench.FIGURES]
    assert len({o.name for o in bench.FIGURES})==len(bench.FIGURES)
    assert all(o['date'] and all(what in o['machine'] for what in ('Python', 'PyTorch', 'NumPy', 'fastfound')) for o in STORED)

@pytest.mark.parametrize('fig', bench.FIGURES, ids=lambda o: o.name)
def test_results_agree_with_the_list(fig):
    "Bands, sources and published values are those of the list, the values are in the band, and there are as many as seeds"
    want = bench.entry(fig, [o['value'] for o in of(fig)])
    assert want.pop('verdict')=='within' and all(o[k]==v for o in of(fig) for k,v in want.items() if k!='values')
    assert (BENCH.parent/f'nbs/{fig.page}.ipynb').exists() and fig.low<=fig.high and fig.source and fig.published
    assert [o['seed'] for o in of(fig)]==list(range(len(of(fig)) if fig.row else max(fig.seeds, 1)))

@pytest.mark.parametrize('fig', [o for o in bench.FIGURES if o.row], ids=lambda o: o.name)
def test_training_rows_are_those_of_the_other_file(fig):
    assert bench.values(fig)==[o['value'] for o in of(fig)], 'run bench/figures.py again'
    assert fig.row in [what for what,_,_ in networks.figures()]

def test_every_run_of_a_network_is_there():
    "As many of each row as were made, in the order of the tables, each once and with what it was made on"
    found = read_runs('resnet')
    want = {('design', row[0]): 5 for row in networks.steps()}
    want |= {('figures', row): n for (row,_,_),n in zip(networks.figures(), (20,20,20,20,3,3,3), strict=True)}
    want |= {('trials', row): 1 for row,_,_ in networks.trials()} | {('profile', row): 1 for row,_,_ in networks.profiles()}
    rows = Counter((o['table'],o['row']) for o in found)
    others = {k: rows.pop(k) for k in list(rows) if k[0]=='others'}
    assert list(rows.items())==list(want.items()) and list(others.values())==[10]*5
    assert len({(o['table'],o['row'],o['seed']) for o in found})==len(found)==250 and all(o['machine'] for o in found)

def test_vision_learner_beside_those_of_other_libraries():
    "It takes fewer CPU seconds than the plain loop with the same rule, and its mean accuracy is no lower than that of any other"
    stored = [o for o in read_runs('resnet') if o['table']=='others']
    rows = list(dict.fromkeys(o['row'] for o in stored))
    results = {k: {o['seed']: o for o in stored if o['row']==k} for k in rows}
    fastai,adamw,sgd,ours,small = rows
    assert all(list(o)==list(range(10)) for o in results.values()) and 'AdamW' in adamw and 'vision_learner, resnet18' in ours
    assert len({o['versions'] for o in stored})==len({o['machine'] for o in stored})==1
    assert median(results[ours][i]['cpu']/results[adamw][i]['cpu'] for i in range(10))<1
    mean = {k: sum(o['accuracy'] for o in v.values())/10 for k,v in results.items()}
    assert mean[ours]>=max(mean[fastai], mean[adamw], mean[sgd]) and mean[small]>=mean[ours]

def test_a_new_run_finds_its_place(tmp_path, monkeypatch):
    "Among the runs of its row, in place of one with the same seed; what others add to the file meanwhile stays"
    monkeypatch.setattr(networks, 'FILE', tmp_path/'resnet.jsonl')
    (first,*_),(second,*_),*_ = networks.steps()
    tried = networks.trials()[0][0]
    for n,key in enumerate((('others','theirs',0), ('trials',tried,0), ('design',second,0), ('design',first,1), ('design',second,0))):
        networks.add(*key, {'n': n})
    assert [o['n'] for o in runs.load(networks.FILE)]==[3,4,1,0]
    assert networks.is_there('trials', tried, 0) and not networks.is_there('trials', tried, 1)

def test_loops_of_other_libraries_ran_beside_ours():
    "Each loop in each round, to the same accuracy: to the digit where two of them see the batches in the same order"
    stored = read_runs('peers')
    assert [(o['round'], o['loop']) for o in stored]==[(i,k) for i in range(7) for k in peers.LOOPS]
    accuracy = {o['loop']: o['accuracy'] for o in stored}
    for alike in (list(accuracy)[:2], list(accuracy)[2:-1]): assert len({accuracy[k] for k in alike})==1
    assert all(abs(o['accuracy']-stored[0]['accuracy'])<0.005 for o in stored)
    assert [o['version'] is not None for o in stored[:8]]==[k in peers.PACKAGES for k in peers.LOOPS]

def test_ratios_are_taken_within_a_round():
    "A round on a busy machine is slow for all loops"
    first,*_ = peers.LOOPS
    rows = [dict(loop=k, round=i, cpu=c*busy) for i,busy in enumerate((1,5,2)) for k,c in ((first,1), ('theirs',3))]
    assert peers.ratios(rows)=={first: 1, 'theirs': 3}

def test_loops_of_ours_train_alike():
    "The bare loop and our Learner end with the same digits right; PyTorch's DataLoader draws another order"
    torch.manual_seed(0)
    y = torch.arange(640)%10
    data = [(torch.randn(640,784)*0.5+torch.nn.functional.one_hot(y, 784)*4, y) for _ in range(2)]
    bare,ours,other = [float(f(*data)()) for f in (peers.bare, peers.fastfound_learner, peers.torch_loop)]
    assert abs(bare-ours)<1e-6 and min(bare, other)>0.5

def test_functions_take_turns():
    "The quantile of the calls after those that warm up"
    calls = []
    slow,fast = lambda: (calls.append('slow'), timing.time.sleep(0.01)),lambda: calls.append('fast')
    took = timing.in_turns({'slow': slow, 'fast': fast}, 3, warm_up=2, at=0.5)
    assert calls==['slow','fast']*5 and took['slow']>=0.01>took['fast']

def test_the_stored_results_pass(capsys):
    bench.main(['--stored'])
    assert capsys.readouterr().out==f'{len(bench.FIGURES)} figures are within their bands\n'

@pytest.mark.parametrize('value', [0.5, nan])
def test_a_figure_outside_its_band_is_named(tmp_path, value):
    name = 'nearest mean: accuracy on both'
    def change(o):
        if o['name']==name: o['value'] = value
    with pytest.raises(SystemExit) as e: bench.main(['--stored'], changed(tmp_path, change))
    assert str(e.value)==f'outside their bands:\n04_mnist_sgd, {name}: got {value:.4f}, wanted each from 0.95105 to 0.95115'

def test_a_forged_band_does_not_help(tmp_path):
    "What the file says of bands is not believed"
    def change(o):
        if 'raw weights' in o['name']: o.update(value=1., low=0, high=2)
    file = changed(tmp_path, change)
    with pytest.raises(SystemExit, match='loss of the network with raw weights: got 1.00'): bench.main(['--stored'], file)

def test_a_missing_figure_is_named(tmp_path):
    runs.save(tmp_path/'some.jsonl', STORED[1:])
    with pytest.raises(SystemExit) as e: bench.main(['--stored'], tmp_path/'some.jsonl')
    assert str(e.value)=='outside their bands:\n00_datasets, pictures in train/3: got no result, wanted each from 6131 to 6131'

@pytest.mark.parametrize('of_what, ok', [('each', False), ('median', True), ('lowest', False)])
def test_what_a_band_is_for(of_what, ok):
    assert bench.verdict({'of': of_what, 'low': 1, 'high': 3, 'values': [0,2,2]})==('within' if ok else 'outside')

def test_what_is_computed_is_judged_and_stored(tmp_path, monkeypatch, capsys):
    "With two figures of our own: one is right, the other is not, and both are stored"
    right = bench.exact('01_matmul', 'two', 2, 'arithmetic', lambda: 1+1, 0)
    wrong = bench.Figure('01_matmul', 'seeds', '0', 'arithmetic', 0, 1, lambda seed: seed, 3, format='.0f')
    monkeypatch.setattr(bench, 'FIGURES', [right, wrong])
    file = tmp_path/'new.jsonl'
    with pytest.raises(SystemExit, match='01_matmul, seeds: got 0 1 2, wanted each from 0 to 1$'): bench.main([], file)
    assert [(o['name'], o['seed'], o['value']) for o in runs.load(file)]==[('two',0,2), ('seeds',0,0), ('seeds',1,1), ('seeds',2,2)]
    assert 'within   01_matmul, two: 2.0000' in capsys.readouterr().out
    file.unlink()
    bench.main(['--only', 'two'], file)
    assert not file.exists()  # some of the figures are not the figures

def test_without_the_full_data_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv('FASTFOUND_DATA', raising=False)
    monkeypatch.setenv('FASTFOUND_HOME', str(tmp_path/'home'))
    monkeypatch.setenv('FASTFOUND_OFFLINE', '1')
    bench.full.cache_clear()
    wanted = 'FASTFOUND_OFFLINE is set and .*; FASTFOUND_DATA should name a folder with all of MNIST'
    with pytest.raises(SystemExit, match=wanted): bench.main([], tmp_path/'new.jsonl')
    assert not (tmp_path/'new.jsonl').exists()

def test_a_text_that_no_figure_has():
    with pytest.raises(SystemExit, match="no figure has 'perceptron' in its page or name"): bench.main(['--stored', '--only', 'perceptron'])

@pytest.mark.nightly
@needs_full
@pytest.mark.parametrize('fig', [o for o in RANDOM if o.seeds and 'times faster' not in o.name], ids=lambda o: o.name)  # those vary
def test_trained_figures_once_more(fig):
    assert bench.entry(fig, bench.values(fig))['verdict']=='within'

@pytest.mark.long
@needs_full
@pytest.mark.parametrize('fig', [o for o in bench.FIGURES if o not in RANDOM], ids=lambda o: o.name)
def test_calculated_figures_once_more(fig):
    assert bench.entry(fig, bench.values(fig))['verdict']=='within'
