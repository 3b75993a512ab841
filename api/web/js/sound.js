// The sound of a finished answer: two soft notes, made here.

const NOTES_HZ = [659.3, 880];
const NOTE_S = 0.16;
const LOUDNESS = 0.09;

let context = null;

/** Plays it. A browser may keep it back until its user has touched the page once. */
export function play() {
  context ??= new AudioContext();
  context.resume();
  NOTES_HZ.forEach((hertz, at) => {
    const begin = context.currentTime + at * NOTE_S * 0.8;
    const tone = new OscillatorNode(context, { frequency: hertz, type: 'sine' });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.setValueAtTime(0, begin);
    volume.gain.linearRampToValueAtTime(LOUDNESS, begin + 0.015);
    volume.gain.exponentialRampToValueAtTime(0.0001, begin + NOTE_S * 2);
    tone.connect(volume).connect(context.destination);
    tone.start(begin);
    tone.stop(begin + NOTE_S * 2);
  });
}
