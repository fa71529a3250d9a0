"""Wrong arguments of public names: each call ends, and in the rooms that are done nearly all that fail say what they got and wanted.

`python tests/bad_calls.py` lists those that do not.
"""
from collections import Counter
import pytest, torch
import bad_calls
from bad_calls import GOOD, LEFT_OUT, NAMES, outcome

pytestmark = pytest.mark.not_numerical

@pytest.fixture(autouse=True)
def without_a_window(): bad_calls.plt.switch_backend('agg')

def test_each_public_name_is_in_the_table():
    "With a good call, or with the reason why it has none"
    assert [o for o in NAMES if o not in GOOD and o not in LEFT_OUT]==[] and set(LEFT_OUT)<=set(NAMES) and not set(LEFT_OUT)&set(GOOD)
    assert [k for k in GOOD if k.split('.')[0].split(',')[0] not in (*NAMES, 'engine')]==[]
