"The terms of the field: each is named where its idea stands, in bold once in the whole book, and the glossary has them all."
import re, sys
from collections import Counter
from pathlib import Path
import pytest

pytestmark = pytest.mark.not_numerical

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import glossary

TERMS = '''accuracy, activation, activation function, array, autograd, backpropagation, backward function, backward pass, baseline, batch,
bias, broadcasting, buffer, callback, central difference, chain rule, classification, collate, computation graph, confusion
matrix, convolution, cross-entropy, data augmentation, data leakage, dead unit, decision boundary, decision threshold, dense
layer, derivative, dot product, dtype, early stopping, elementwise, epoch, evaluation mode, event, example, exploding
activation, exploding gradient, exponential moving average, fan-in, fan-out, feature, finite difference, forward pass, fully
connected layer, generalise, gradient, gradient accumulation, gradient clipping, gradient descent, gradient noise, hidden layer,
hidden unit, hook, hyperparameter, initialisation, jacobian, kaiming initialisation, kernel, label, label smoothing, layer,
leaf, learning rate, learning-rate schedule, log-sum-exp, logit, loss function, loss landscape, matrix multiplication, mean
squared error, metric, mini-batch, mixup, mlp, model, multilayer perceptron, neuron, nonlinearity, normalise, numerical
stability, one-hot, optimizer, optimizer state, outer product, overfitting, padding, parameter, partial derivative, pixel,
pooling, prototype, rank, receptive field, reduction, regression, relative error, relu, residual block, residual network,
reverse-mode automatic differentiation, root mean square, rounding error, sampler, saturation, saved tensor, seed, sgd, shape,
sigmoid, skip connection, softmax, standard deviation, stochastic gradient descent, stride, supervised learning, symmetry
breaking, target, temperature, tensor, test set, test-time augmentation, topological order, training loop, training set,
training statistic, transposed, underfitting, universal approximation theorem, upstream gradient, validation set, vanishing
activation, vanishing gradient, variance, vector-jacobian product, vectorise, weight, weight decay, xavier initialisation'''

TERMS += ''', attention, attention head, bigram, causal mask, embedding, key, language model, perplexity, position embedding, query,
residual stream, rmsnorm, sampling, self-attention, token, transformer, value, vocabulary'''  # of chapter 9
TERMS += ', context length, corpus, subword token, unknown token, weight tying'  # of page 9a

def test_every_term_is_named(): assert sorted({glossary.key(o) for o in TERMS.replace('\n', ' ').split(', ')}-glossary.terms().keys())==[]

def test_a_term_is_in_bold_once():
    "Where its idea stands; elsewhere it is a word like others"
    places = Counter(k for k,*_ in glossary.places())
    assert {k: v for k,v in places.items() if v>1}=={}

def test_what_is_in_bold_is_a_term():
    "And no sentence, step or warning; those are in italics"
    assert [o for o in glossary.terms() if len(o.split())>4 or re.search(r'[.:?!]$', o)]==[]

def test_a_term_is_explained(): assert {k: o[1] for k,o in glossary.terms().items() if len(o[1].split())<6}=={}
