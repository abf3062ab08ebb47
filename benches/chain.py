"""What one writes in Python for a camera: OpenCV, ONNX Runtime, ByteTrack, zxing-cpp, six frames a second.

The figure beside ours in the README. Needs: pip install opencv-python-headless onnxruntime supervision==0.25.1 zxing-cpp

    python3 benches/chain.py CLIP FastestDet.onnx             CPU of the whole chain
    python3 benches/chain.py CLIP FastestDet.onnx inference   CPU of the model alone, for as many frames
"""

import resource
import sys

import numpy as np
import onnxruntime as ort

SIDE, FPS, CELLS = 352, 6.0, 22


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def session(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(model, options)


def people(output, width, height):
    """Boxes of class 0 and their scores: objectness, four box terms, then the classes of each cell."""
    score = output[0] ** 0.6 * output[5:].max(0) ** 0.4
    rows, columns = np.where((score > 0.3) & (output[5:].argmax(0) == 0))
    boxes = []
    for y, x in zip(rows, columns):
        dx, dy, w, h = output[1:5, y, x]
        cx, cy = (x + np.tanh(dx)) / CELLS * width, (y + np.tanh(dy)) / CELLS * height
        w, h = width / (1 + np.exp(-w)), height / (1 + np.exp(-h))
        boxes.append([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])
    return np.array(boxes).reshape(-1, 4), score[rows, columns]


def sampled(clip):
    import cv2

    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(clip)
    rate, read, taken = capture.get(cv2.CAP_PROP_FPS), 0, 0
    while capture.grab():
        if read * FPS / rate >= taken:
            taken += 1
            yield capture.retrieve()[1]
        read += 1


def chain(clip, model):
    import cv2
    import supervision as sv
    import zxingcpp

    network, tracker, tracks, frames = session(model), sv.ByteTrack(frame_rate=int(FPS)), set(), 0
    name = network.get_inputs()[0].name
    for frame in sampled(clip):
        frames += 1
        height, width = frame.shape[:2]
        pixels = cv2.resize(frame, (SIDE, SIDE)).transpose(2, 0, 1)[None].astype(np.float32) / 255
        boxes, scores = people(network.run(None, {name: pixels})[0][0], width, height)
        found = sv.Detections(xyxy=boxes, confidence=scores, class_id=np.zeros(len(boxes), int)).with_nms(0.45)
        tracks |= set(tracker.update_with_detections(found).tracker_id.tolist())
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        zxingcpp.read_barcodes(grey, formats=zxingcpp.BarcodeFormat.QRCode)
    print(f"{frames} frames, {len(tracks)} tracks, {cpu():.2f} s CPU")


def inference(clip, model):
    frames, network = sum(1 for _ in sampled(clip)), session(model)
    pixels = np.random.default_rng(1).random((1, 3, SIDE, SIDE), np.float32)
    began = cpu()
    for _ in range(frames):
        network.run(None, {network.get_inputs()[0].name: pixels})
    print(f"{frames} frames, {cpu() - began:.2f} s CPU")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    (inference if sys.argv[3:] == ["inference"] else chain)(*sys.argv[1:3])
