"""What features tell of labels: the same folds and the same classifier for each kind of features.

Needs scikit-learn, and neither TensorFlow nor a network.
"""
