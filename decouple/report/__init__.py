"""What people look at: loss curves and panels, made from a run folder and nothing else."""
