"""Exercises of lesson 18, in its order."""

from . import (
    c7_make_d,
    c9_encoder,
    c11_vae_loss,
    c17_make_g,
    c20_bn_momentum,
    c31_vae,
    c35_bce,
    f1_d_loss,
    f2_g_loss,
    f3_neg_elbo,
    f7_kl,
    f9_neg_elbo,
    f10_step,
    f13_log_px,
    f14_gauss_nll,
)

FORMULAS = (
    f2_g_loss,
    f1_d_loss,
    f9_neg_elbo,
    f3_neg_elbo,
    f10_step,
    f13_log_px,
    f7_kl,
    f14_gauss_nll,
    c11_vae_loss,
    c35_bce,
)
SHAPES = (c31_vae, c9_encoder, c7_make_d, c17_make_g, c20_bn_momentum)

EXERCISES = [case.EXERCISE for case in (*FORMULAS, *SHAPES)]
