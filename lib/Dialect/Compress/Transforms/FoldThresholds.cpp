//===- FoldThresholds.cpp - compress-fold-thresholds ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums, products and quotients with constants are monotonic functions of one
// number, also as floats are rounded: the numbers for which such a function is
// above a bound lie between two of them. These are searched for among all
// floats, by evaluating the function.
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "compress/Dialect/Compress/Transforms/Weights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ADT/bit.h"
#include <cmath>

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSFOLDTHRESHOLDS
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;
using Predicate = arith::CmpFPredicate;

namespace {
/// An f32 expression of one number x and of constants, which have a value for
/// each channel or one for all.
struct Term {
  enum Kind {
    X,
    Constant,
    Neg,
    Sqrt,
    Rsqrt,
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min
  } kind;
  /// Numbers of terms before this one.
  unsigned left = 0, right = 0;
  /// Values of a constant: of each channel, or a single one.
  SmallVector<float, 1> values;
  bool hasX = false;
};

/// A comparison of such an expression with another one.
class Threshold {
public:
  /// Whether the elementwise op compares an expression of an element of another
  /// tensor, to which other elementwise ops may belong.
  LogicalResult match(arith::CmpFOp compare, SymbolTableCollection &symbols);
  /// The floats for which the comparison is true: from `lows` to `highs`, by
  /// channel; or false, if `isInverted`. Fails where that cannot be said.
  LogicalResult solve();

  linalg::LinalgOp op;
  /// What x is an element of.
  Value source;
  /// The dimension of channels; nothing where all constants are single ones.
  std::optional<unsigned> channelDim;
  SmallVector<float> lows, highs;
  bool isInverted = false;
  /// Whether the source itself is compared.
  bool isTrivial() const { return terms[left].kind == Term::X; }

private:
  std::optional<unsigned> addTerm(Value value, linalg::LinalgOp of);
  std::optional<unsigned> addConstant(Value value, AffineMap map);
  unsigned push(Term term) {
    terms.push_back(std::move(term));
    return terms.size() - 1;
  }
  float evaluate(unsigned term, unsigned channel, float x);
  std::optional<int> getDirection(unsigned term, unsigned channel);
  LogicalResult solve(unsigned channel);

  SymbolTableCollection *symbols = nullptr;
  SmallVector<Term> terms;
  /// The sides of the comparison: of x, and constant.
  unsigned left = 0, bound = 0;
  Predicate predicate = Predicate::OGE;
  int64_t channels = 1;
  SmallVector<float> buffer;
};
} // namespace

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// Whether an op computes each element of its one result by itself.
static bool isElementwise(linalg::LinalgOp op) {
  return op && op.hasPureTensorSemantics() && op->getNumResults() == 1 &&
         op.getNumLoops() == op.getNumParallelLoops() &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity();
}

/// The values of a constant operand that is read by such a map.
std::optional<unsigned> Threshold::addConstant(Value value, AffineMap map) {
  FloatAttr scalar;
  if (matchPattern(value, m_Constant(&scalar)))
    return push({Term::Constant, 0, 0, {scalar.getValue().convertToFloat()}});
  ElementsAttr data = getConstantData(value, *symbols);
  if (!data || !data.getElementType().isF32())
    return std::nullopt;
  if (auto splat = dyn_cast<SplatElementsAttr>(data))
    return push({Term::Constant, 0, 0, {splat.getSplatValue<float>()}});
  std::optional<ArrayRef<char>> bytes = getRawData(data);
  if (!bytes)
    return std::nullopt;
  // Along one dimension at most.
  std::optional<unsigned> along;
  for (auto [expr, size] :
       llvm::zip_equal(map.getResults(), data.getShapedType().getShape())) {
    if (size == 1)
      continue;
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim || along)
      return std::nullopt;
    along = dim.getPosition();
  }
  Term term = {Term::Constant, 0, 0, {}};
  for (size_t at = 0; at < bytes->size(); at += sizeof(float)) {
    float number;
    std::memcpy(&number, bytes->data() + at, sizeof(float));
    term.values.push_back(number);
  }
  if (along) {
    if (channelDim && *channelDim != *along)
      return std::nullopt;
    channelDim = along;
    channels = term.values.size();
  }
  return push(std::move(term));
}

std::optional<unsigned> Threshold::addTerm(Value value, linalg::LinalgOp of) {
  if (!value.getType().isF32())
    return std::nullopt;
  auto argument = dyn_cast<BlockArgument>(value);
  if (argument && argument.getOwner() == of.getBlock()) {
    OpOperand *operand = of.getMatchingOpOperand(argument);
    AffineMap map = of.getMatchingIndexingMap(operand);
    if (!of.isDpsInput(operand))
      return std::nullopt;
    Value from = operand->get();
    unsigned known = terms.size();
    if (std::optional<unsigned> constant = addConstant(from, map))
      return constant;
    terms.truncate(known);
    if (!map.isIdentity())
      return std::nullopt;
    // What it is made of, if nothing else needs it.
    auto producer = from.getDefiningOp<linalg::LinalgOp>();
    if (producer && from.hasOneUse() && isElementwise(producer)) {
      Value yielded = producer.getBlock()->getTerminator()->getOperand(0);
      auto old = std::tuple(source, channelDim, channels);
      if (std::optional<unsigned> term = addTerm(yielded, producer))
        return term;
      std::tie(source, channelDim, channels) = old;
      terms.truncate(known);
    }
    if (source && source != from)
      return std::nullopt;
    source = from;
    return push({Term::X, 0, 0, {}, /*hasX=*/true});
  }
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  if (op->getBlock() != of.getBlock() || op->hasTrait<OpTrait::ConstantLike>())
    return addConstant(value, {});
  std::optional<Term::Kind> kind =
      llvm::TypeSwitch<Operation *, std::optional<Term::Kind>>(op)
          .Case([](arith::NegFOp) { return Term::Neg; })
          .Case([](math::SqrtOp) { return Term::Sqrt; })
          .Case([](math::RsqrtOp) { return Term::Rsqrt; })
          .Case([](arith::AddFOp) { return Term::Add; })
          .Case([](arith::SubFOp) { return Term::Sub; })
          .Case([](arith::MulFOp) { return Term::Mul; })
          .Case([](arith::DivFOp) { return Term::Div; })
          .Case([](arith::MaximumFOp) { return Term::Max; })
          .Case([](arith::MinimumFOp) { return Term::Min; })
          .Default([](Operation *) { return std::nullopt; });
  if (!kind)
    return std::nullopt;
  Term term = {*kind, 0, 0, {}};
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    std::optional<unsigned> added = addTerm(operand, of);
    if (!added)
      return std::nullopt;
    (i ? term.right : term.left) = *added;
    term.hasX |= terms[*added].hasX;
  }
  return push(std::move(term));
}

LogicalResult Threshold::match(arith::CmpFOp compare,
                               SymbolTableCollection &collection) {
  symbols = &collection;
  op = dyn_cast<linalg::LinalgOp>(compare->getParentOp());
  predicate = compare.getPredicate();
  if (!isElementwise(op))
    return failure();
  auto first = addTerm(compare.getLhs(), op);
  auto second = first ? addTerm(compare.getRhs(), op) : std::nullopt;
  if (!second || terms[*first].hasX == terms[*second].hasX)
    return failure();
  left = *first;
  bound = *second;
  if (terms[*second].hasX) {
    std::swap(left, bound);
    switch (predicate) {
    case Predicate::OGE:
      predicate = Predicate::OLE;
      break;
    case Predicate::OGT:
      predicate = Predicate::OLT;
      break;
    case Predicate::OLE:
      predicate = Predicate::OGE;
      break;
    case Predicate::OLT:
      predicate = Predicate::OGT;
      break;
    case Predicate::UGE:
      predicate = Predicate::ULE;
      break;
    case Predicate::UGT:
      predicate = Predicate::ULT;
      break;
    case Predicate::ULE:
      predicate = Predicate::UGE;
      break;
    case Predicate::ULT:
      predicate = Predicate::UGT;
      break;
    default:
      return failure();
    }
  }
  // What is true for NaN is false for its opposite.
  switch (predicate) {
  case Predicate::UGE:
    predicate = Predicate::OLT;
    break;
  case Predicate::UGT:
    predicate = Predicate::OLE;
    break;
  case Predicate::ULE:
    predicate = Predicate::OGT;
    break;
  case Predicate::ULT:
    predicate = Predicate::OGE;
    break;
  case Predicate::OGE:
  case Predicate::OGT:
  case Predicate::OLE:
  case Predicate::OLT:
    return success();
  default:
    return failure();
  }
  isInverted = true;
  return success();
}

//===----------------------------------------------------------------------===//
// Solving
//===----------------------------------------------------------------------===//

/// The value of a term for a channel, where x is given.
float Threshold::evaluate(unsigned term, unsigned channel, float x) {
  buffer.resize(terms.size());
  for (unsigned i = 0; i <= term; ++i) {
    const Term &of = terms[i];
    const float a = buffer[of.left], b = buffer[of.right];
    switch (of.kind) {
    case Term::X:
      buffer[i] = x;
      break;
    case Term::Constant:
      buffer[i] = of.values[of.values.size() == 1 ? 0 : channel];
      break;
    case Term::Neg:
      buffer[i] = -a;
      break;
    case Term::Sqrt:
      buffer[i] = std::sqrt(a);
      break;
    case Term::Rsqrt:
      // As it is lowered: two roundings.
      buffer[i] = 1.0f / std::sqrt(a);
      break;
    case Term::Add:
      buffer[i] = a + b;
      break;
    case Term::Sub:
      buffer[i] = a - b;
      break;
    case Term::Mul:
      buffer[i] = a * b;
      break;
    case Term::Div:
      buffer[i] = a / b;
      break;
    case Term::Max:
      buffer[i] = std::isnan(a) ? a : std::isnan(b) ? b : std::max(a, b);
      break;
    case Term::Min:
      buffer[i] = std::isnan(a) ? a : std::isnan(b) ? b : std::min(a, b);
      break;
    }
  }
  return buffer[term];
}

/// 1 where a term of x never falls as x rises, -1 where it never rises, and 0
/// where it is the same for all x, but for infinities and NaN. Nothing for
/// others.
std::optional<int> Threshold::getDirection(unsigned term, unsigned channel) {
  const Term &of = terms[term];
  if (of.kind == Term::X)
    return 1;
  bool isBinary = of.kind >= Term::Add;
  bool isLeft = terms[of.left].hasX;
  if (isBinary && isLeft == terms[of.right].hasX)
    return std::nullopt;
  auto direction = getDirection(isLeft ? of.left : of.right, channel);
  if (!direction)
    return std::nullopt;
  float other = 1;
  if (isBinary) {
    other = evaluate(isLeft ? of.right : of.left, channel, 0);
    if (!std::isfinite(other))
      return std::nullopt;
  }
  int sign = other > 0 ? 1 : other < 0 ? -1 : 0;
  switch (of.kind) {
  case Term::Neg:
    return -*direction;
  case Term::Add:
  case Term::Max:
  case Term::Min:
    return *direction;
  case Term::Sub:
    return isLeft ? *direction : -*direction;
  case Term::Mul:
    return *direction * sign;
  case Term::Div:
    return isLeft && sign ? std::optional(*direction * sign) : std::nullopt;
  default:
    return std::nullopt;
  }
}

/// Floats in their order, as integers: both zeros are 0.
static float fromOrder(int64_t number) {
  uint32_t magnitude = std::abs(number);
  return llvm::bit_cast<float>(number < 0 ? magnitude | 0x80000000u
                                          : magnitude);
}

static constexpr int64_t kInfinity = 0x7F800000;

LogicalResult Threshold::solve(unsigned channel) {
  std::optional<int> direction = getDirection(left, channel);
  float other = evaluate(bound, channel, 0);
  if (!direction || !std::isfinite(other))
    return failure();
  auto isTrue = [&](int64_t number) {
    float value = evaluate(left, channel, fromOrder(number));
    switch (predicate) {
    case Predicate::OGE:
      return value >= other;
    case Predicate::OGT:
      return value > other;
    case Predicate::OLE:
      return value <= other;
    default:
      return value < other;
    }
  };
  // The number nearest to `from` for which it is true, as it is for `to`.
  auto search = [&](int64_t from, int64_t to) {
    while (from != to) {
      // Rounded away from `to`, so that `from` moves.
      int64_t middle = from + (to - from) / 2;
      if (isTrue(middle))
        to = middle;
      else
        from = middle + (to > from ? 1 : -1);
    }
    return fromOrder(to);
  };
  constexpr float infinity = std::numeric_limits<float>::infinity(),
                  none = std::numeric_limits<float>::quiet_NaN();
  bool isAbove = predicate == Predicate::OGE || predicate == Predicate::OGT;
  float low = -infinity, high = infinity;
  if (*direction == 0) {
    // Numbers that overflow on the way become NaN.
    if (std::isnan(evaluate(left, channel, 0)))
      return failure();
    low = isTrue(0) ? search(-kInfinity, 0) : none;
    high = isTrue(0) ? search(kInfinity, 0) : infinity;
  } else if ((*direction > 0) == isAbove) {
    low = isTrue(kInfinity) ? search(-kInfinity, kInfinity) : none;
  } else {
    high = isTrue(-kInfinity) ? search(kInfinity, -kInfinity) : none;
  }
  lows.push_back(low);
  highs.push_back(high);
  return success();
}

LogicalResult Threshold::solve() {
  for (int64_t channel = 0; channel < channels; ++channel)
    if (failed(solve(channel)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// Ops of a block that values are made of, up to `end`, and arguments.
static void collectSlice(ValueRange values, Block *body, Operation *end,
                         llvm::SetVector<Operation *> &ops,
                         llvm::SetVector<BlockArgument> &arguments) {
  SmallVector<Value> worklist(values);
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (auto argument = dyn_cast<BlockArgument>(value))
      arguments.insert(argument);
    else if (op->getBlock() == body && op != end && ops.insert(op))
      llvm::append_range(worklist, op->getOperands());
  }
}

/// Whether an op needs what it compares for its result, too: nothing would be
/// saved then.
static bool needsCompared(const Threshold &threshold, arith::CmpFOp compare) {
  linalg::LinalgOp op = threshold.op;
  Block *body = op.getBlock();
  llvm::SetVector<Operation *> compared, kept;
  llvm::SetVector<BlockArgument> comparedArguments, keptArguments;
  collectSlice(compare->getOperands(), body, nullptr, compared,
               comparedArguments);
  collectSlice(body->getTerminator()->getOperands(), body, compare, kept,
               keptArguments);
  return llvm::any_of(kept,
                      [&](Operation *of) {
                        return !of->hasTrait<OpTrait::ConstantLike>() &&
                               compared.contains(of);
                      }) ||
         llvm::any_of(keptArguments, [&](BlockArgument argument) {
           return comparedArguments.contains(argument) &&
                  argument.getOwner() == body &&
                  op.getMatchingOpOperand(argument)->get() != threshold.source;
         });
}

/// Replaces the op by one that compares the source itself.
static void rewrite(Threshold &threshold, arith::CmpFOp compare) {
  linalg::LinalgOp op = threshold.op;
  OpBuilder b(op);
  Location loc = op.getLoc();
  unsigned rank = op.getNumLoops();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  SmallVector<Value> inputs = {threshold.source};
  SmallVector<AffineMap> maps = {b.getMultiDimIdentityMap(rank)};
  // A bound that is none is not compared with.
  auto addBound = [&](ArrayRef<float> values, float none) -> Value {
    if (llvm::all_of(values, [&](float value) { return value == none; }))
      return {};
    if (!threshold.channelDim)
      return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(values[0]));
    auto constant = arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(
            RankedTensorType::get({int64_t(values.size())}, b.getF32Type()),
            values));
    constant->setAttr(kDerivedAttr, b.getUnitAttr());
    inputs.push_back(constant);
    maps.push_back(
        AffineMap::get(rank, 0, b.getAffineDimExpr(*threshold.channelDim)));
    return inputs.back();
  };
  Value high = addBound(threshold.highs, infinity);
  Value low =
      addBound(threshold.lows,
               high ? -infinity : std::numeric_limits<float>::quiet_NaN());
  // What the result is made of besides the comparison.
  Block *body = op.getBlock();
  llvm::SetVector<Operation *> kept;
  llvm::SetVector<BlockArgument> arguments;
  collectSlice(body->getTerminator()->getOperands(), body, compare, kept,
               arguments);
  SmallVector<BlockArgument> keptArguments, sourceArguments;
  for (BlockArgument argument : body->getArguments()) {
    OpOperand *operand = op.getMatchingOpOperand(argument);
    if (!op.isDpsInput(operand) || !arguments.contains(argument))
      continue;
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (operand->get() == threshold.source && map.isIdentity()) {
      sourceArguments.push_back(argument);
      continue;
    }
    keptArguments.push_back(argument);
    inputs.push_back(operand->get());
    maps.push_back(map);
  }
  OpOperand *init = op.getDpsInitOperand(0);
  maps.push_back(op.getMatchingIndexingMap(init));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  auto replaced = linalg::GenericOp::create(
      b, loc, op->getResultTypes(), inputs, init->get(), maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange values) {
        auto getBound = [&](Value bound) -> Value {
          auto found = llvm::find(ArrayRef(inputs).drop_front(), bound);
          return found == inputs.end() ? bound : values[found - inputs.begin()];
        };
        Value result;
        auto add = [&](Predicate predicate, Value bound) {
          if (!bound)
            return;
          Value holds = arith::CmpFOp::create(b, loc, predicate, values[0],
                                              getBound(bound));
          result =
              result ? arith::AndIOp::create(b, loc, result, holds) : holds;
        };
        add(Predicate::OGE, low);
        add(Predicate::OLE, high);
        if (threshold.isInverted)
          result = arith::XOrIOp::create(
              b, loc, result,
              arith::ConstantOp::create(b, loc, b.getBoolAttr(true)));
        IRMapping mapping;
        mapping.map(compare.getResult(), result);
        size_t first = inputs.size() - keptArguments.size();
        for (auto [i, argument] : llvm::enumerate(keptArguments))
          mapping.map(argument, values[first + i]);
        for (BlockArgument argument : sourceArguments)
          mapping.map(argument, values[0]);
        mapping.map(body->getArguments().back(), values.back());
        for (Operation &inner : body->without_terminator())
          if (kept.contains(&inner))
            b.clone(inner, mapping);
        linalg::YieldOp::create(
            b, loc,
            mapping.lookupOrDefault(body->getTerminator()->getOperand(0)));
      });
  op->replaceAllUsesWith(replaced->getResults());
  // With what nothing else uses.
  SmallVector<Operation *> dead = {op};
  while (!dead.empty()) {
    Operation *of = dead.pop_back_val();
    llvm::SmallSetVector<Operation *, 4> makers;
    for (Value operand : of->getOperands())
      if (Operation *maker = operand.getDefiningOp())
        makers.insert(maker);
    of->erase();
    for (Operation *maker : makers) {
      // Constants without a name have numbers, which stay what they are.
      auto constant = dyn_cast<arith::ConstantOp>(maker);
      if (isOpTriviallyDead(maker) &&
          !(constant && isa<DenseElementsAttr>(constant.getValue())))
        dead.push_back(maker);
    }
  }
}

namespace {
struct FoldThresholdsPass
    : compress::impl::CompressFoldThresholdsBase<FoldThresholdsPass> {
  void runOnOperation() override {
    SymbolTableCollection symbols;
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (isElementwise(op))
        ops.push_back(op);
    });
    auto options = remark::RemarkOpts::name("FoldThresholds")
                       .category("compress-fold-thresholds");
    // What is erased with an op comes before it.
    for (linalg::LinalgOp op : ops) {
      for (arith::CmpFOp compare : op.getBlock()->getOps<arith::CmpFOp>()) {
        Threshold threshold;
        if (failed(threshold.match(compare, symbols)) ||
            threshold.isTrivial() || needsCompared(threshold, compare))
          continue;
        Location loc = op.getLoc();
        if (failed(threshold.solve())) {
          remark::missed(loc, options) << remark::reason(
              "what is compared neither rises nor falls with "
              "a number, or has constants that are not finite");
          continue;
        }
        rewrite(threshold, compare);
        remark::passed(loc, options) << "compares with thresholds";
        break;
      }
    }
  }
};
} // namespace
