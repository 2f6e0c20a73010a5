"""Exercises of lesson 18, in its order: a ward each."""

from . import (
    a1_d_step,
    a3_sample_z,
    a4_g_total,
    a5_quality,
    a11_clip,
    a12_game_step,
    c3_d_step,
    c4_g_step,
    c7_make_d,
    c9_encoder,
    c11_vae_loss,
    c12_make_batch,
    c13_vae_step,
    c16_g_step,
    c17_make_g,
    c18_scale,
    c20_bn_momentum,
    c22_d_loss,
    c24_g_step,
    c26_d_loss,
    c27_forward,
    c31_vae,
    c33_build,
    c35_bce,
    c36_g_step,
    f1_d_loss,
    f2_g_loss,
    f3_neg_elbo,
    f4_make_opt,
    f7_kl,
    f9_neg_elbo,
    f10_step,
    f13_log_px,
    f14_gauss_nll,
    t8_score,
    t11_augment,
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
WHO_MOVES = (
    c3_d_step,
    c4_g_step,
    c22_d_loss,
    c27_forward,
    f4_make_opt,
    a1_d_step,
    a3_sample_z,
    a11_clip,
    a12_game_step,
    c13_vae_step,
    c16_g_step,
    c24_g_step,
    c26_d_loss,
    c33_build,
    c36_g_step,
)
DATA = (
    c12_make_batch,
    c18_scale,
    t11_augment,
)
EVALUATION = (
    a5_quality,
    t8_score,
    a4_g_total,
)

EXERCISES = [case.EXERCISE for case in (*FORMULAS, *SHAPES, *WHO_MOVES, *DATA, *EVALUATION)]
