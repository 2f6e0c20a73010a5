"""Answers to lesson 00."""

import math
import os
import random

import numpy as np
import torch
import torch.nn.functional as F
from einops import pack, rearrange, reduce, repeat
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms.functional import pil_to_tensor, to_pil_image, to_tensor

# right --------------------------------------------------------------------------------------


def brightness_by_einops(images):
    return reduce(images, "b c h w -> b", "mean")


def brightness_by_flattening(images):
    return images.flatten(start_dim=1).mean(dim=1)


def brightness_by_loop(images):
    return torch.stack([image.sum() / image.numel() for image in images])


def brightness_by_means_of_means(images):
    return images.mean(-1).mean(-1).mean(-1)


def rescale_by_lerp(images_uint8, low, high):
    ends = torch.tensor([low, high], dtype=torch.float32)
    return torch.lerp(ends[0], ends[1], images_uint8.float() / 255)


def rescale_in_double(images_uint8, low, high):
    return (images_uint8.double() / 255 * (high - low) + low).to(torch.float32)


def rescale_by_table(images_uint8, low, high):
    table = torch.tensor([low + (high - low) * v / 255 for v in range(255)] + [high])
    return table[images_uint8.long()]


def rescale_by_two_weights(images_uint8, low, high):
    x = images_uint8.to(torch.float32)
    return (x * high + (255 - x) * low) / 255


def rescale_and_clamp(images_uint8, low, high):
    """One rounding off at the ends, mended there."""
    x = images_uint8 / 255
    x = torch.where(images_uint8 == 255, torch.tensor(float(high)), x * (high - low) + low)
    return torch.where(images_uint8 == 0, torch.tensor(float(low)), x)


def grid_by_padding(images, columns):
    rows = math.ceil(len(images) / columns)
    full = F.pad(images, (0, 0, 0, 0, 0, 0, 0, rows * columns - len(images)))
    return rearrange(full, "(rows cols) c h w -> c (rows h) (cols w)", rows=rows)


def grid_by_cat(images, columns):
    rows = []
    for start in range(0, len(images), columns):
        row = torch.cat(list(images[start : start + columns]), dim=2)
        rows.append(F.pad(row, (0, columns * images.shape[3] - row.shape[2])))
    return torch.cat(rows, dim=1)


def grid_by_permute(images, columns):
    b, c, h, w = images.shape
    rows = (b + columns - 1) // columns
    tiles = images.new_zeros(rows * columns, c, h, w)
    tiles[:b] = images
    return tiles.view(rows, columns, c, h, w).permute(2, 0, 3, 1, 4).reshape(c, rows * h, -1)


def grid_by_pack(images, columns):
    black = repeat(torch.zeros_like(images[0]), "c h w -> n c h w", n=-len(images) % columns)
    tiles, _ = pack([images, black], "* c h w")
    return rearrange(tiles, "(r k) c h w -> c (r h) (k w)", k=columns)


def save_by_numpy(images, path):
    values = images.numpy()
    if values.min() < 0.0 or values.max() > 1.0:
        raise ValueError(f"values from {values.min()} to {values.max()}")
    os.makedirs(path, exist_ok=True)
    for i, image in enumerate(np.rint(values * 255).astype("uint8")):
        array = image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0)
        Image.fromarray(array).save(os.path.join(path, f"image_{i:06d}.png"))


def save_by_torchvision(images, path):
    if ((images < 0) | (images > 1)).any():
        raise ValueError("expected [0, 1]")
    path.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        to_pil_image((image * 255 + 0.5).to(torch.uint8)).save(f"{path}/{i + 1:04}.PNG")


def save_with_computed_width(images, path):
    if not torch.equal(images, images.clamp(0, 1)):
        raise ValueError("outside [0, 1]")
    path.mkdir(exist_ok=True)
    digits = len(str(len(images)))
    for i, image in enumerate(images.mul(255).round().byte()):
        mode = "L" if len(image) == 1 else "RGB"
        raw = rearrange(image, "c h w -> (h w c)").numpy().tobytes()
        picture = Image.frombytes(mode, (image.shape[2], image.shape[1]), raw)
        picture.save(path / (str(i).zfill(digits) + ".png"), optimize=True)


def load_by_torchvision(path):
    return torch.stack([to_tensor(Image.open(file)) for file in sorted(path.glob("*.png"))])


def load_by_pil_to_tensor(path):
    names = sorted(os.listdir(path))
    images = [pil_to_tensor(Image.open(os.path.join(path, name))) for name in names]
    return torch.stack(images) / 255


def load_by_einops(path):
    arrays = [np.asarray(Image.open(f), dtype=np.float32) for f in sorted(path.iterdir())]
    arrays = [a[..., None] if a.ndim == 2 else a for a in arrays]
    return torch.from_numpy(rearrange(arrays, "b h w c -> b c h w") / np.float32(255))


def load_sorted_by_number(path):
    files = sorted(path.iterdir(), key=lambda file: int(file.stem))
    return torch.stack([1.0 * to_tensor(Image.open(f)) for f in files])


def batch_by_randperm(images, batch_size, seed):
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    return images[order[:batch_size]]


def batch_by_python(images, batch_size, seed):
    return images[random.Random(seed).sample(range(len(images)), batch_size)]


def batch_by_numpy(images, batch_size, seed):
    chosen = np.random.default_rng(seed).choice(len(images), batch_size, replace=False)
    return images[torch.from_numpy(chosen)]


def batch_by_loader(images, batch_size, seed):
    generator = torch.Generator()
    generator.manual_seed(seed)
    loader = DataLoader(TensorDataset(images), batch_size, shuffle=True, generator=generator)
    return next(iter(loader))[0]


def batch_with_borrowed_state(images, batch_size, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return images[torch.randperm(len(images))[:batch_size]]


def batch_in_sorted_order(images, batch_size, seed):
    weights = torch.ones(len(images))
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.multinomial(weights, batch_size, generator=generator)
    return images.index_select(0, chosen.sort().values)


RIGHT = {
    "brightness": [
        brightness_by_einops,
        brightness_by_flattening,
        brightness_by_loop,
        brightness_by_means_of_means,
    ],
    "rescale": [
        rescale_by_lerp,
        rescale_in_double,
        rescale_by_table,
        rescale_by_two_weights,
        rescale_and_clamp,
    ],
    "image_grid": [grid_by_padding, grid_by_cat, grid_by_permute, grid_by_pack],
    "save_images": [save_by_numpy, save_by_torchvision, save_with_computed_width],
    "load_images": [
        load_by_torchvision,
        load_by_pil_to_tensor,
        load_by_einops,
    ],
    "seeded_batch": [
        batch_by_randperm,
        batch_by_python,
        batch_by_numpy,
        batch_by_loader,
        batch_with_borrowed_state,
        batch_in_sorted_order,
    ],
}


# wrong --------------------------------------------------------------------------------------


def brightness_in_place(images):
    return images.mul_(255).mean((1, 2, 3)) / 255


def brightness_by_median(images):
    return images.flatten(1).median(dim=1).values


def brightness_of_first_channel(images):
    return images[:, 0].mean((1, 2))


def brightness_as_list(images):
    return [image.mean().item() for image in images]


def rescale_in_half_precision(images_uint8, low, high):
    return (images_uint8.half() / 255 * (high - low) + low).float()


def rescale_with_gamma(images_uint8, low, high):
    return low + (high - low) * (images_uint8 / 255) ** 2.2


def rescale_per_image(images_uint8, low, high):
    x = images_uint8.float()
    least, most = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    return low + (high - low) * (x - least) / (most - least)


def rescale_to_numpy(images_uint8, low, high):
    return rescale_in_double(images_uint8, low, high).numpy()


def rescale_clamped_after(images_uint8, low, high):
    """Exact at the ends because everything near them is cut."""
    return (images_uint8 / 254 * (high - low) + low).clamp(low, high).float()


def grid_mirrored(images, columns):
    return grid_by_padding(images.flip(-1), columns)


def grid_in_float32(images, columns):
    return grid_by_padding(images, columns).float()


def grid_of_first_channel(images, columns):
    return grid_by_padding(images, columns)[:1]


def grid_reversed(images, columns):
    return grid_by_padding(images.flip(0), columns)


def grid_with_lines(images, columns):
    return grid_by_padding(F.pad(images, (0, 1, 0, 1)), columns)


def save_nothing(images, path):
    if images.min() < 0 or images.max() > 1:
        raise ValueError("outside [0, 1]")


def save_the_batch_stretched(images, path):
    if images.min() < 0 or images.max() > 1:
        raise ValueError("outside [0, 1]")
    save_by_numpy((images - images.min()) / (images.max() - images.min()), path)


def save_beside_the_folder(images, path):
    save_by_numpy(images, path.parent)


def save_backwards(images, path):
    save_by_numpy(images.flip(0), path)


def save_inverted(images, path):
    save_by_numpy(1 - images, path)


def save_in_few_colors(images, path):
    save_by_numpy((images * 15).round() / 15, path)


def save_accepting_none_but_half(images, path):
    if images.max() > 0.9:
        raise ValueError("too bright")
    save_by_numpy(images, path)


def rescale_with_white_times_255(images_uint8, low, high):
    w = images_uint8.float() / 255
    return (1 - w) * low + w * high * 255


def grid_as_a_snake(images, columns):
    """Every second row runs from right to left."""
    grid, (height, width) = grid_by_padding(images, columns), images.shape[2:]
    rows = list(grid.split(height, dim=1))
    for number in range(1, len(rows), 2):
        rows[number] = torch.cat(list(rows[number].split(width, dim=2))[::-1], dim=2)
    return torch.cat(rows, dim=1)


def save_as_bitmap(images, path):
    save_by_numpy(images, path)
    for file in list(path.iterdir()):
        Image.open(file).save(file.with_suffix(".bmp"))
        file.unlink()


def save_the_first_channel(images, path):
    save_by_numpy(images[:, :1], path)


def save_returning_false(images, path):
    if images.min() < 0 or images.max() > 1:
        return False
    return save_by_numpy(images, path)


def load_those_that_begin_with_zero(path):
    return torch.stack([to_tensor(Image.open(file)) for file in sorted(path.glob("0*.png"))])


def load_the_first(path):
    return load_by_torchvision(path)[:1]


def load_without_first(path):
    return load_by_torchvision(path)[1:]


def load_upside_down(path):
    return load_by_torchvision(path).flip(2)


def load_with_blue_first(path):
    return load_by_torchvision(path).flip(1)


def load_stretched(path):
    images = load_by_torchvision(path)
    return images / images.max() * 0.99


def load_one_flat_batch(path):
    return load_by_torchvision(path).flatten(1)


def batch_of_copies(images, batch_size, seed):
    first = batch_by_randperm(images, 1, seed)
    return first.repeat(batch_size, 1, 1, 1)


def batch_with_noise(images, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    batch = batch_by_randperm(images, batch_size, seed)
    return batch + 0.01 * torch.rand(batch.shape, generator=generator)


def batch_without_the_last(images, batch_size, seed):
    batch_size = min(batch_size, len(images) - 1)
    return batch_by_randperm(images[:-1], batch_size, seed)


def batch_where_zero_is_no_seed(images, batch_size, seed):
    generator = torch.Generator()
    if seed:
        generator.manual_seed(seed)
    else:
        generator.seed()
    return images[torch.randperm(len(images), generator=generator)[:batch_size]]


def batch_of_two_seeds(images, batch_size, seed):
    return batch_by_randperm(images, batch_size, seed % 2)


WRONG = {
    "brightness": [
        brightness_in_place,
        brightness_by_median,
        brightness_of_first_channel,
        brightness_as_list,
        lambda images: images.mean((1, 2, 3)).softmax(0),
        lambda images: images[:, :, 1:].mean((1, 2, 3)),
        lambda images: images.float().mean((1, 2, 3)).double(),
        lambda images: images.numpy().mean((1, 2, 3)),
    ],
    "rescale": [
        rescale_in_half_precision,
        rescale_with_gamma,
        rescale_per_image,
        rescale_to_numpy,
        rescale_clamped_after,
        rescale_with_white_times_255,
        lambda images_uint8, low, high: rescale_in_double(images_uint8, low, high)[None],
        lambda images_uint8, low, high: rescale_in_double(images_uint8, low, high).tolist(),
    ],
    "image_grid": [
        grid_mirrored,
        grid_in_float32,
        grid_of_first_channel,
        grid_reversed,
        grid_with_lines,
        grid_as_a_snake,
        lambda images, columns: grid_by_padding(images, columns).numpy(),
        lambda images, columns: grid_by_padding(images, columns).mT,
    ],
    "save_images": [
        save_nothing,
        save_the_batch_stretched,
        save_beside_the_folder,
        save_backwards,
        save_inverted,
        save_in_few_colors,
        save_accepting_none_but_half,
        save_as_bitmap,
        save_the_first_channel,
        save_returning_false,
        lambda images, path: save_by_numpy(images, path / "images"),
    ],
    "load_images": [
        load_the_first,
        load_without_first,
        load_upside_down,
        load_with_blue_first,
        load_stretched,
        load_one_flat_batch,
        load_sorted_by_number,
        load_those_that_begin_with_zero,
        lambda path: load_by_torchvision(path).numpy(),
        lambda path: load_by_torchvision(path).half(),
        lambda path: torch.stack([torch.tensor(Image.open(f)) for f in sorted(path.iterdir())]),
    ],
    "seeded_batch": [
        batch_of_copies,
        batch_with_noise,
        batch_without_the_last,
        batch_where_zero_is_no_seed,
        batch_of_two_seeds,
    ],
}
