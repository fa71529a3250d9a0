"The terms of the field: each is named where its idea stands, in bold once in the whole book, and the glossary has them all."
import re, sys
from collections import Counter
from pathlib import Path
import pytest

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import glossary

TERMS = '''accuracy, activation, activation function, adam, adamw, affine map, array, attention, attention head, autograd, average pooling,
backpropagation, backward function, backward pass, baseline, batch, batch normalisation, bias, bias correction, bigram, bilinear
interpolation, broadcasting, buffer, calibration, callback, capacity, causal mask, central difference, chain rule, channel,
classification, closing, collate, computation graph, confusion matrix, convolution, coverage, cross-entropy, data augmentation,
data leakage, dead unit, decision boundary, decision threshold, decoupled weight decay, degradation, dense layer, derivative,
distribution shift, dot product, dropout, dtype, early stopping, elementwise, embedding, epoch, equivariant, erosion, evaluation
mode, event, example, expected calibration error, exploding activation, exploding gradient, exponential moving average, fan-in,
fan-out, feature, feature map, finite difference, forward pass, fully connected layer, generalisation gap, generalise, global
pooling, gradient, gradient accumulation, gradient clipping, gradient descent, gradient noise, gradient norm, hidden layer, hidden
unit, hook, hyperparameter, inductive bias, initialisation, jacobian, kaiming initialisation, kernel, key, label, label smoothing,
language model, layer, leaf, learning curve, learning rate, learning-rate finder, learning-rate schedule, log-sum-exp, logit, loss
function, loss landscape, matrix multiplication, max pooling, mean squared error, memorisation, metric, mini-batch, mixup, mlp,
model, momentum, multilayer perceptron, muon, nesterov momentum, neuron, newton-schulz iteration, nonlinearity, normalise,
numerical stability, one-cycle policy, one-hot, optimizer, optimizer state, out-of-distribution, outer product, overfitting,
padding, parameter, partial derivative, perplexity, pixel, pooling, position embedding, preprocessing, prior shift, prototype,
query, random erasing, rank, receptive field, reduction, regression, regularisation, relative error, reliability diagram, relu,
residual, residual block, residual network, residual stream, reverse-mode automatic differentiation, rmsnorm, rmsprop, root mean
square, rounding error, running statistic, sampler, sampling, saturation, saved tensor, seed, self-attention, sgd, shape, sigmoid,
singular value, skip connection, softmax, standard deviation, standard error, stochastic gradient descent, stride, stride of a
kernel, supervised learning, symmetry breaking, target, temperature, temperature scaling, tensor, test set, test-time
augmentation, token, topological order, training loop, training set, training statistic, transformer, transposed, underfitting,
universal approximation theorem, update rule, upstream gradient, validation set, value, vanishing activation, vanishing gradient,
variance, vector-jacobian product, vectorise, vocabulary, warm-up, weight, weight decay, xavier initialisation'''

def test_every_term_is_named(): assert sorted({glossary.key(o) for o in TERMS.replace('\n', ' ').split(', ')}-glossary.terms().keys())==[]

def test_a_term_is_in_bold_once():
    "Where its idea stands; elsewhere it is a word like others"
    places = Counter(k for k,*_ in glossary.places())
    assert {k: v for k,v in places.items() if v>1}=={}

def test_what_is_in_bold_is_a_term():
    "And no sentence, step or warning; those are in italics"
    assert [o for o in glossary.terms() if len(o.split())>4 or re.search(r'[.:?!]$', o)]==[]

def test_a_term_is_explained(): assert {k: o[1] for k,o in glossary.terms().items() if len(o[1].split())<6}=={}

def test_a_link_within_a_page_leads_there_from_the_glossary():
    assert '](#' not in glossary.markdown(lambda heading: heading)
