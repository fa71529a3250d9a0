"PyTorch's database of optimizer inputs: none steps differently, and what is refused is refused in words."
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent/'conformance'))
import optimizers

def test_the_inputs_of_pytorchs_own_database():
    found = list(optimizers.checks())
    counts = Counter(outcome for _,outcome,_ in found)
    assert counts.keys()<={'right', 'refused', 'wrong'} and not [o for o in found if o[1]=='wrong']
    assert counts['right']>=80 and counts['refused']<=12
    options = 'amsgrad', 'centered', 'ns_coefficients'  # what ours do not have
    assert all(any(f'got {o}=' in said for o in options) for _,outcome,said in found if outcome=='refused')

def test_a_wrong_step_is_found():
    "The checks can fail: a rule that does not know all options, and one with a wrong factor"
    class NoMaximize(optimizers.Adam):
        def add_param_group(self, param_group): super().add_param_group({**param_group, 'maximize': False})
    class Halved(optimizers.SGD):
        def update(self, p, g, state, lr=1e-3): p -= 0.5*lr*g
    import torch
    assert optimizers.outcome(NoMaximize, torch.optim.Adam, {'maximize': True}, False)[0]=='wrong'
    assert optimizers.outcome(Halved, torch.optim.SGD, {}, True)[0]=='wrong'
    assert optimizers.outcome(optimizers.SGD, torch.optim.SGD, {}, True)[0]=='right'
