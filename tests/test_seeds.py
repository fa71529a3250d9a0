"The results of other seeds that pages carry as data are those of the pages' own code."
import json, os, sys
from pathlib import Path
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]/'bench'))
import seeds

pytestmark = pytest.mark.not_numerical

needs_full = pytest.mark.skipif(not os.environ.get('FASTFOUND_DATA'), reason='FASTFOUND_DATA names no folder with all of MNIST')
EVERY = seeds.every()

def others(stored, some):
    "Numbers that differ by more than 0.005, and by more than the seeds do among each other, when the seeds `some` are run again"
    # processors round differently, and where that changes a trained network it does no more than another seed
    f,values = stored.code(),stored.results.values()
    spread = {k: max(o[k] for o in values)-min(o[k] for o in values) for k in next(iter(values))}
    again = {seed: seeds.differences(f(seed), stored.results[seed]) for seed in some}
    return [(seed, k, v) for seed,o in again.items() for k,v in o.items() if v>max(0.005, spread[k])]

def page(tmp_path, body):
    "A notebook with a code cell for each text in `body`"
    (tmp_path/'01_page.ipynb').write_text(json.dumps({'cells': [{'cell_type': 'code', 'source': o} for o in body]}))
    return tmp_path/'01_page.ipynb'

def test_there_are_such_cells():
    assert {'04_mnist_sgd', '05_training_loop'}<={o.page for o in EVERY}
    for o in EVERY: assert len({tuple(v) for v in o.results.values()})==1

def test_a_result_that_the_page_does_not_give_is_noticed(tmp_path):
    "The cells above are run, those that no test runs are not, and what the cell says is compared with what the function returns"
    cells = ['k = 2', '#| notest\nk = 3', 'def f(seed): return {"twice": k*2, "once": k*seed}',
             '#| full\n#| seeds: f\nby_seed = {1: {"twice": 4.2, "once": 2}, 2: {"twice": 4.5, "once": 4}}']
    stored, = seeds.stored(page(tmp_path, cells))
    assert others(stored, [1])==[] and others(stored, [1,2])==[(2, 'twice', 0.5)]
    assert stored.text({1: {'twice': 2.0}, 2: {'twice': 4.0}})=="by_seed = {1: {'twice': 2.0},\n           2: {'twice': 4.0}}"

def test_other_names_and_cells_that_fail_are_errors(tmp_path):
    stored, = seeds.stored(page(tmp_path, ['def f(seed): return {"a": 1}', '#| seeds: f nightly\nby_seed = {1: {"b": 1}}']))
    assert stored.nightly
    with pytest.raises(ValueError, match=r"got \['a'\], wanted \['b'\]"): others(stored, [1])
    stored, = seeds.stored(page(tmp_path, ['1/0', '#| seeds: f\nby_seed = {1: {"b": 1}}']))
    with pytest.raises(RuntimeError, match='01_page: a cell above the stored results failed'): stored.code()

@pytest.mark.long
@needs_full
@pytest.mark.parametrize('stored', [o for o in EVERY if not o.nightly], ids=lambda o: f'{o.page}-{o.name}')
def test_one_seed_once_more(stored): assert others(stored, [min(stored.results)])==[]

@pytest.mark.nightly
@needs_full
@pytest.mark.parametrize('stored', EVERY, ids=lambda o: f'{o.page}-{o.name}')
def test_all_seeds_once_more(stored): assert others(stored, stored.results)==[]
